"""What remotes have, for a check: asked only where a rule asks, and never taken for "no" when they do not answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from repro.errors import ReproError
from repro.model.checks.result_check import Known, OnRemote
from repro.model.data.content import Content, ObjectRef
from repro.model.digest import Digest
from repro.model.runs.manifest import Manifest
from repro.model.runs.pieces import Part, pieces_of
from repro.model.settings.policy import DEFAULT_REMOTE
from repro.project import Workspace

if TYPE_CHECKING:
    from repro.model.data.tree import Entry
    from repro.model.settings.settings import Settings
    from repro.store.cache.cache import Cache
    from repro.store.remote.objects import RemoteObjects
    from repro.store.remote.remote import Remote


class RemoteUnknown(ReproError):
    """Nothing is known of a remote: it is not configured, not to be asked, or silent. Never leaves a check."""


class Remotes:
    """The remotes that the settings name, each opened once."""

    def __init__(self, workspace: Workspace, settings: Settings, *, offline: bool) -> None:
        self._workspace = workspace
        self._settings = settings
        self._offline = offline
        self._opened: dict[str, OpenedRemote] = {}
        self._failed: dict[str, RemoteUnknown] = {}

    @property
    def is_any(self) -> bool:
        """Whether the settings name one."""
        return bool(self._settings.remotes)

    def default(self) -> OpenedRemote:
        """Return the default remote.

        Raises:
            RemoteUnknown: there is none, or it may not be asked, or it cannot be reached.
        """
        return self.open(DEFAULT_REMOTE)

    def open(self, name: str) -> OpenedRemote:
        """Return a remote by its name.

        Raises:
            RemoteUnknown: as `default`.
        """
        if name in self._failed:
            raise self._failed[name]
        if name not in self._opened:
            try:
                self._opened[name] = self._open(name)
            except RemoteUnknown as error:
                self._failed[name] = error
                raise
        return self._opened[name]

    def has_run(self, name: str, manifest: Manifest, data: bytes) -> OnRemote:
        """Return what a remote has of a run whose manifest has these bytes in git."""
        shown = name
        try:
            remote = self.open(name)
            shown = remote.name
            return remote.has_run(manifest, data)
        except RemoteUnknown as error:
            shown = self._shown(name)
            return OnRemote(shown, Known.UNKNOWN, reason=error.message, hint=error.hint or "")

    def has_archive(self, name: str, manifest: Manifest, build: tuple[str, ...]) -> OnRemote:
        """Return whether a remote has the archive of a run's environment, as its `manifest` tells of a run.

        `build` is what builds the project's own packages.
        """
        try:
            return self.open(name).has_archive(manifest, build)
        except RemoteUnknown as error:
            return OnRemote(self._shown(name), Known.UNKNOWN, reason=error.message, hint=error.hint or "")

    def _shown(self, name: str) -> str:
        from repro.project import NoRemote, choose_remote

        try:
            return choose_remote(self._settings, name or None)[0]
        except NoRemote:
            return name or "default"

    def _open(self, name: str) -> OpenedRemote:
        from repro.project import choose_remote

        try:
            chosen, url = choose_remote(self._settings, name or None)
        except ReproError as error:
            hint = f"`repro remote add {name or 'NAME'} URL` adds it"
            raise RemoteUnknown(error.message, hint) from error
        if self._offline:
            raise RemoteUnknown(f"the remote {chosen!r} may not be asked (--offline)", "call it without --offline")
        try:
            return OpenedRemote(chosen, self._workspace.open_remote(url, self._settings), self._workspace.cache())
        except ReproError as error:
            raise RemoteUnknown(error.message, error.hint or "call it again when the remote answers") from error


class OpenedRemote:
    """One remote. Whatever keeps it from answering is `RemoteUnknown`."""

    def __init__(self, name: str, remote: Remote, cache: Cache) -> None:
        self.name = name
        self._remote = remote
        self._cache = cache
        self._objects: RemoteObjects | None = None

    def has_run(self, manifest: Manifest, data: bytes) -> OnRemote:
        """Return what it has of a run.

        Raises:
            RemoteUnknown: it does not answer.
        """
        from repro.actions.sync import manifest_name
        from repro.model.yaml.strict import MAX_BYTES
        from repro.store.storages.errors import NotARemote, NotOnRemote

        try:
            try:
                is_same = self._remote.read(manifest_name(manifest.run), MAX_BYTES) == data
            except (NotOnRemote, NotARemote):  # what was never pushed to is an empty place
                return OnRemote(self.name, Known.NO, environment_missing=self._missing_environment(manifest))
            roots = {piece.path: piece.root for piece in pieces_of(manifest)}
            missing = [path for path, root in roots.items() if self._lacks([root])]
            environment = self._missing_environment(manifest)
            return OnRemote(self.name, Known.YES, is_same, tuple(missing), environment)
        except ReproError as error:
            raise _unknown(error) from error

    def has_archive(self, manifest: Manifest, build: tuple[str, ...]) -> OnRemote:
        """Return whether it has an archive's record of the run's environment, and all files of it.

        Where it is not all there is to make it, `outside` says on what a rebuild depends.

        Raises:
            RemoteUnknown: it does not answer, or cannot say what it has.
        """
        from repro.model.environments.archive import parse_archive
        from repro.model.environments.environment_record import environment_id
        from repro.model.environments.outside_world import outside_of
        from repro.model.yaml.strict import MAX_BYTES
        from repro.store.storages.errors import NotARemote

        environment = manifest.recipe.environment
        if environment is None or outside_of(environment, None, build) is None:
            return OnRemote(self.name, Known.YES)
        folder = f"archives/{environment_id(environment).partition(':')[2]}"
        try:
            records = [parse_archive(self._remote.read(name, MAX_BYTES), name) for name in self._remote.list(folder)]
            files = {file.name: file.object for record in records for file in record.files}
            missing = tuple(name for name, ref in files.items() if self._lacks([ref]))
        except NotARemote:
            return OnRemote(self.name, Known.NO, outside=outside_of(environment, None, build))
        except ReproError as error:
            raise _unknown(error) from error
        outside = outside_of(environment, tuple(files) if records else None, build)
        return OnRemote(self.name, Known.NO if outside else Known.YES, missing=missing, outside=outside)

    def read_object(self, digest: Digest, limit: int) -> bytes:
        """Return an object's bytes, verified.

        Raises:
            RemoteUnknown: it is not there, or the remote does not answer.
        """
        try:
            return self._asked().read(digest, limit)
        except ReproError as error:
            raise _unknown(error) from error

    def rebuild_records(self, run: str) -> list[tuple[str, bytes]]:
        """Return the rebuild records of a run: name and bytes of each.

        Raises:
            RemoteUnknown: the remote does not answer, or cannot say what it has.
        """
        from repro.model.yaml.strict import MAX_BYTES

        try:
            names = self._remote.list(f"rebuilds/{run}")
            return [(name, self._remote.read(name, MAX_BYTES)) for name in names]
        except ReproError as error:
            raise _unknown(error) from error

    def _missing_environment(self, manifest: Manifest) -> tuple[str, ...]:
        from repro.store.storages.errors import NotARemote

        parts = {piece.path: piece.root for piece in pieces_of(manifest) if piece.part is Part.ENVIRONMENT}
        try:
            return tuple(path for path, root in parts.items() if self._lacks([root]))
        except NotARemote:
            return tuple(parts)

    def _lacks(self, roots: Iterable[Content | ObjectRef]) -> bool:
        """Whether something that these roots need is not there."""
        from repro.model.data.tree import decode_tree
        from repro.model.data.tree_objects import MAX_TREE_BYTES
        from repro.store.cache.reached import Walk

        objects = self._asked()
        lacking = False

        def open_tree(digest: Digest) -> tuple[Entry, ...] | None:
            nonlocal lacking
            if not objects.has(digest):
                lacking = True
                return None
            if self._cache.has(digest):
                return self._cache.read_tree(digest)
            return decode_tree(objects.read(digest, MAX_TREE_BYTES))

        return any(not objects.has(ref.digest) for ref in Walk(roots, open_tree).files()) or lacking

    def _asked(self) -> RemoteObjects:
        if self._objects is None:
            from repro.store.remote.objects import RemoteObjects

            self._objects = RemoteObjects(self._remote, self._cache.root)
        return self._objects


def _unknown(error: ReproError) -> RemoteUnknown:
    return RemoteUnknown(error.message, error.hint or "call it again when the remote answers")
