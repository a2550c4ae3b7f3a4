"""Where a run and its objects come from: this project, a remote, or both."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from repro.errors import CannotProceed
from repro.model.data.content import Content, ObjectRef
from repro.model.dataclass import dataclass
from repro.model.progress import SILENT, Progress
from repro.model.runs.manifest import Manifest, parse_manifest
from repro.project import Project, Workspace
from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from repro.store.records.runs import Records

if TYPE_CHECKING:  # what reaches a remote is imported where something has to come from one
    from repro.store.remote.remote import Remote
    from repro.store.transfer.transfer import RemoteObjects


@dataclass(frozen=True, slots=True)
class Far:
    """A remote, and the objects that it has."""

    remote: Remote
    objects: RemoteObjects


@dataclass(frozen=True, slots=True)
class RunSource:
    """A manifest, where its records are kept, and where its objects can be had.

    `far` opens the remote, once; it returns None where there is none: then the store must have everything.
    """

    manifest: Manifest
    records: Records
    cache: Cache
    far: Callable[[], Far | None]

    @property
    def remote(self) -> Remote | None:
        """The remote, None where there is none.

        Raises:
            RemoteError, CannotProceed: it cannot be opened.
        """
        far = self.far()
        return far.remote if far else None

    @property
    def objects(self) -> RemoteObjects | None:
        """What the remote has; as `remote`."""
        far = self.far()
        return far.objects if far else None

    def bring_trees(self, root: Content) -> None:
        """Bring a directory's trees, without its files, as far as they can be had.

        Raises:
            RemoteError, IntegrityError: the remote cannot be asked, or has other bytes.
        """
        from repro.store.storages.errors import MissingOnRemote
        from repro.store.transfer.transfer import Fetch

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
    here = workspace.cache()
    here.settle()
    if source is not None:
        return _open_from(workspace, here, text, source)
    far = cache(lambda: _default(workspace, here))
    path = os.path.join(workspace.cwd, text)
    if text.endswith(".yaml") and os.path.isfile(path):
        with open(path, "rb") as file:
            manifest = parse_manifest(file.read(), text)
        return RunSource(manifest, records_of(workspace), here, far)
    if not isinstance(workspace, Project):
        raise CannotProceed(
            f"{workspace.cwd} is not inside a git repository, so {text} is not known here",
            f"`repro rebuild {text} --from URL` takes it from a remote",
        )
    records = workspace.records()
    return RunSource(records.read(records.select(text)), records, here, far)


def _open_from(workspace: Workspace, here: Cache, text: str, source: str) -> RunSource:
    from repro.actions.archives import fetch_archives
    from repro.actions.sync import fetch_rebuilds, keep_fetched, read_remote_manifest, remote_of, select_remote_run
    from repro.store.transfer.transfer import RemoteObjects

    remote = remote_of(workspace, source)
    run = select_remote_run(remote, text)
    manifest, data = read_remote_manifest(remote, run)
    records = records_of(workspace)
    keep_fetched(records, run, data)
    fetch_rebuilds(records, remote, run)
    fetch_archives(records, remote, manifest.recipe.environment)
    far = Far(remote, RemoteObjects(remote, here.root))
    return RunSource(manifest, records, here, lambda: far)


def bring(source: RunSource, roots: Iterable[Content | ObjectRef], progress: Progress = SILENT) -> int:
    """Bring what the store lacks from the remote, and return how many objects came.

    Raises:
        MissingOnRemote, CorruptRemoteObject, RemoteError: it cannot be had.
    """
    wanted = list(roots)
    if not missing_here(source.cache, wanted) or source.objects is None:
        return 0
    from repro.store.transfer.transfer import Fetch

    brought = Fetch(source.cache, source.objects, progress=progress).bring(wanted)
    source.cache.flush()
    return brought.objects


def records_of(workspace: Workspace) -> Records:
    """Return where records are kept: a project has them itself; without one they stand beside the store."""
    if isinstance(workspace, Project):
        return workspace.records()
    return Records(os.path.join(workspace.places.store, "records"))


def _default(workspace: Workspace, here: Cache) -> Far | None:
    if not workspace.settings.remotes:
        return None
    from repro.store.transfer.transfer import RemoteObjects

    _, url = workspace.remote_url(None)
    remote = workspace.open_remote(url)
    return Far(remote, RemoteObjects(remote, here.root))
