"""`repro gc`: what nothing needs any more, here or on a remote."""

from __future__ import annotations

import functools
import time

from repro.actions.gc.here import collect_here
from repro.actions.gc.roots import ProjectGone, Roots, roots_of_projects
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.packs.gc_plan import Garbage
from repro.model.progress import SILENT, Progress
from repro.project import Project, Workspace
from repro.store.cache.known_projects import forget_projects, known_projects, note_project


class RecordUnread(CannotProceed):
    """A record cannot be read, so what it needs is not known."""

    id = "unread-record"


@dataclass(frozen=True, slots=True)
class Collected:
    """What a gc found in a place, and which projects' records it went by."""

    place: str
    garbage: Garbage
    projects: tuple[str, ...]


def gc(
    workspace: Workspace,
    source: str | None,
    grace: float,
    *,
    delete: bool,
    forget_gone: bool,
    progress: Progress = SILENT,
) -> Collected:
    """Find what nothing needs, here or (`source`) on a remote; delete it, if `delete`.

    Args:
        workspace: the project, or what there is without one.
        source: a remote's name, URL or directory.
        grace: seconds within which what was stored or used stays.
        delete: change something.
        forget_gone: take projects that cannot be found for deleted.
        progress: told of each object that is needed.

    Raises:
        ProjectGone, RecordUnread, NeedsUnknown: what is needed cannot be known, and something was to be deleted.
        RemoteError: the remote cannot be reached, or refuses.
        OSError: the disk is full, or refuses.
    """
    store = workspace.places.store
    if isinstance(workspace, Project):
        note_project(store, workspace.root)
    progress.begin("gc")
    roots, now = Roots(), time.time()
    roots_of_projects(store, roots)
    if forget_gone:
        forget_projects(store, roots.gone)
        roots.gone.clear()
    if source is not None:
        from repro.actions.gc.far import collect_far
        from repro.actions.sync import remote_of

        remote = remote_of(workspace, source)
        sure = functools.partial(_refuse, roots)
        collected = collect_far(workspace.cache(), remote, roots, grace, delete=delete, sure=sure, told=progress)
        shown = remote.shown
    else:
        if delete:
            _refuse(roots)
            workspace.cache().settle()
        collected, shown = collect_here(workspace.cache(), roots, now, grace, delete=delete, told=progress), store
    collected.findings[:0] = [*_gone(roots), *roots.unread, *roots.skipped]
    return Collected(shown, collected, tuple(name_to_text(path) for path in known_projects(store)))


def _refuse(roots: Roots) -> None:
    if roots.gone:
        shown = ", ".join(name_to_text(path) for path in roots.gone)
        raise ProjectGone(
            f"cannot find {shown}: what the records there need is not known, so nothing was deleted",
            "if it is deleted for good: `repro gc --delete --forget-gone`; if it was moved, call repro there once",
        )
    if roots.unread:
        first = roots.unread[0]
        raise RecordUnread(
            f"{first.path} {first.detail}; nothing was deleted", first.hint or "mend or remove the record"
        )


def _gone(roots: Roots) -> list[Finding]:
    detail = "used the store and cannot be found: while that is so, nothing is deleted"
    hint = "`--forget-gone` if it is deleted for good"
    return [Finding("project-gone", detail, name_to_text(path), hint=hint) for path in roots.gone]
