"""Where a run and its objects come from: this project, a remote, or both."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from repro.actions.environments.archives import fetch_archives
from repro.actions.sync import fetch_rebuilds, keep_fetched, read_remote_manifest, remote_of, select_remote_run
from repro.errors import CannotProceed
from repro.model.content import Content, ObjectRef
from repro.model.manifest import Manifest, parse_manifest
from repro.model.progress import SILENT, Progress
from repro.project import Project, Workspace
from repro.store.cache import Cache
from repro.store.records import Records
from repro.store.remote import Remote
from repro.store.storages.errors import MissingOnRemote
from repro.store.transfer import Fetch, RemoteObjects, missing_here


@dataclass(frozen=True, slots=True)
class RunSource:
    """A manifest, where its records are kept, and where its objects can be had.

    `remote` is None where there is none: then the store must have everything. `objects` is what it has.
    """

    manifest: Manifest
    records: Records
    cache: Cache
    remote: Remote | None
    objects: RemoteObjects | None

    def bring_trees(self, root: Content) -> None:
        """Bring a directory's trees, without its files, as far as they can be had.

        Raises:
            RemoteError, IntegrityError: the remote cannot be asked, or has other bytes.
        """
        if self.objects is not None:
            with contextlib.suppress(MissingOnRemote):  # then the directory is compared as a whole
                Fetch(self.cache, self.objects).bring([root], files=False)


def open_run(workspace: Workspace, text: str, source: str | None) -> RunSource:
    """Return the run that `text` means.

    With `source`, everything is taken from that remote; else the manifest is the project's (or `text` is a
    manifest file), and objects that the store lacks come from the default remote, if there is one.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        CannotProceed: neither a project nor a source.
        BadRecord, NewerFormat: the manifest cannot be read.
    """
    cache = workspace.cache()
    cache.settle()
    if source is not None:
        remote = remote_of(workspace, source)
        run = select_remote_run(remote, text)
        manifest, data = read_remote_manifest(remote, run)
        records = records_of(workspace)
        keep_fetched(records, run, data)
        fetch_rebuilds(records, remote, run)
        fetch_archives(records, remote, manifest.recipe.environment)
        return RunSource(manifest, records, cache, remote, RemoteObjects(remote, cache.root))
    path = os.path.join(workspace.cwd, text)
    if text.endswith(".yaml") and os.path.isfile(path):
        with open(path, "rb") as file:
            manifest = parse_manifest(file.read(), text)
        return RunSource(manifest, records_of(workspace), cache, *_default(workspace, cache))
    if not isinstance(workspace, Project):
        raise CannotProceed(
            f"{workspace.cwd} is not inside a git repository, so {text} is not known here",
            f"`repro rebuild {text} --from URL` takes it from a remote",
        )
    records = workspace.records()
    return RunSource(records.read(records.select(text)), records, cache, *_default(workspace, cache))


def bring(source: RunSource, roots: Iterable[Content | ObjectRef], progress: Progress = SILENT) -> int:
    """Bring what the store lacks from the remote, and return how many objects came.

    Raises:
        MissingOnRemote, CorruptRemoteObject, RemoteError: it cannot be had.
    """
    wanted = list(roots)
    if source.objects is None or not missing_here(source.cache, wanted):
        return 0
    brought = Fetch(source.cache, source.objects, progress=progress).bring(wanted)
    source.cache.flush()
    return brought.objects


def records_of(workspace: Workspace) -> Records:
    """Return where records are kept: a project has them itself; without one they stand beside the store."""
    if isinstance(workspace, Project):
        return workspace.records()
    return Records(os.path.join(workspace.places.store, "records"))


def _default(workspace: Workspace, cache: Cache) -> tuple[Remote, RemoteObjects] | tuple[None, None]:
    if not workspace.settings.remotes:
        return None, None
    _, url = workspace.remote_url(None)
    remote = workspace.open_remote(url)
    return remote, RemoteObjects(remote, cache.root)
