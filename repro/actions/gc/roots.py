"""What must not be deleted: the objects that the records of projects and of a remote name."""

from __future__ import annotations

import os
from collections.abc import Iterator

from repro.code.pointer_files import pointer_paths
from repro.code.recorded_history import RecordedFile, recorded_files
from repro.code.repository import NotARepository
from repro.errors import CannotProceed, IntegrityError
from repro.model.data.content import Content, ObjectRef
from repro.model.data.pointer import SUFFIX, parse_pointer
from repro.model.dataclass import dataclass, field
from repro.model.environments.archive import parse_archive
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.manifest import parse_manifest
from repro.model.runs.pieces import pieces_of
from repro.model.yaml.strict import MAX_BYTES
from repro.project import FOLDER
from repro.store.cache.known_projects import known_projects
from repro.store.records.archives import ArchiveRecords
from repro.store.records.runs import Records
from repro.store.remote.remote import Remote

Root = Content | ObjectRef

_HIDDEN = "is a project that this user may not look at, so what it needs is not known"
_WHO_SEES = "let a user who may read all projects of the store call it"


class ProjectGone(CannotProceed):
    """A project that used the store cannot be found, so what it needs is not known."""

    id = "project-gone"


@dataclass(slots=True)
class Roots:
    """What records name, and what could not be found out.

    `gone` are projects that are not where they were; `unread` are records that cannot be read, of which nobody knows
    what they need; `skipped` are such records of the past, which only git remembers.
    """

    needed: set[Root] = field(default_factory=set)
    gone: list[bytes] = field(default_factory=list)
    unread: list[Finding] = field(default_factory=list)
    skipped: list[Finding] = field(default_factory=list)


def roots_of_projects(store: str, roots: Roots) -> None:
    """Add what every project needs that has used the store.

    Raises:
        BadGitObject: a project's repository is damaged.
        OSError: a record cannot be read.
    """
    for project in known_projects(store):
        root = os.fsdecode(project)
        try:
            os.stat(os.path.join(root, ".git"))
        except (FileNotFoundError, NotADirectoryError):
            roots.gone.append(project)
            continue
        except PermissionError:  # it may well be there
            roots.unread.append(Finding("unread-record", _HIDDEN, name_to_text(project), hint=_WHO_SEES))
            continue
        for file in _in_work_tree(root):
            _add(roots, file, root, roots.unread)
        try:
            for file in recorded_files(root):
                _add(roots, file, f"{root}, in git's history", roots.skipped)
        except NotARepository:
            roots.gone.append(project)


def roots_of_remote(remote: Remote, roots: Roots) -> None:
    """Add what the manifests, the archives and the pointers of a remote need.

    Raises:
        RemoteError: it cannot be reached, or cannot say what it has.
    """
    for name in [*remote.list("runs"), *remote.list("archives"), *remote.list("pointers")]:
        _add(roots, RecordedFile(name.encode(), remote.read(name, MAX_BYTES)), remote.shown, roots.unread)


def _add(roots: Roots, file: RecordedFile, where: str, problems: list[Finding]) -> None:
    shown = f"{name_to_text(file.path)} in {where}"
    try:
        roots.needed.update(_needs(file, shown))
    except IntegrityError as error:
        detail = f"cannot be read, so what it needs is not known: {error.message}"
        problems.append(Finding("unread-record", detail, shown, hint=error.hint))


def _needs(file: RecordedFile, shown: str) -> Iterator[Root]:
    """Yield what a manifest, an archive's record, a pointer file, or a remote's copy of a pointer names."""
    name = file.path.rsplit(b"/", 1)[-1]
    if name.endswith(b".yaml") and b"archives/" in file.path:
        for archived in parse_archive(file.data, shown).files:
            yield archived.object
        return
    if name.endswith(b".yaml"):
        for piece in pieces_of(parse_manifest(file.data, shown)):
            yield piece.root
        return
    content = parse_pointer(file.data, name if name.endswith(SUFFIX) else None, shown).content
    if content.digest is not None:
        yield content


def _in_work_tree(root: str) -> Iterator[RecordedFile]:
    records = Records(os.path.join(root, FOLDER))
    names = [records.shown(run) for run in records.run_ids()]
    names += [f"{FOLDER}/runs/{name}" for name in records.strange_names()]
    archives = ArchiveRecords(records.folder)
    names += [archives.shown(name) for name in archives.names()]
    for path in [*map(os.fsencode, names), *pointer_paths(root)]:
        try:
            with open(os.path.join(os.fsencode(root), path), "rb") as file:
                yield RecordedFile(path, file.read(MAX_BYTES + 1))
        except FileNotFoundError:
            continue  # taken away in this moment, by somebody who does not need it
