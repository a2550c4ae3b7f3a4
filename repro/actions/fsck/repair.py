"""Where a damaged or missing object can be had again. What is wrong is set aside, and nothing is deleted."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from repro.data.capture import capture
from repro.data.open_safely import parent_of
from repro.data.standing import READ
from repro.errors import IntegrityError, RemoteError, ReproError
from repro.model.data.content import ObjectRef
from repro.model.data.tree import Entry
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, hex_of
from repro.model.names import check_path, name_to_text
from repro.model.packs.store_check import Need, Trouble
from repro.project import Project
from repro.store.cache.cache import Cache, CorruptObject
from repro.store.cache.set_aside import set_aside
from repro.store.files.digest_only import DigestOnly
from repro.store.files.file_copy import copy_rest
from repro.store.files.hashing import hash_descriptor
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.storages.errors import MissingOnRemote
from repro.store.transfer.fetch import Fetch
from repro.store.transfer.push import Push


@dataclass(slots=True)
class MendHere:
    """Brings objects back into the store: from a file under a wrong name, the work tree, git, or a remote.

    `strays` are files of the store by the digest of their bytes; `project` is None outside of one.
    """

    cache: Cache
    project: Project | None
    remotes: Sequence[Remote]
    strays: Mapping[Digest, str]
    children_first: bool = False
    unreachable: dict[str, str] = field(default_factory=dict)
    _objects: dict[str, RemoteObjects] = field(default_factory=dict)
    _asked: set[Digest] = field(default_factory=set)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        """Not asked of the store: a tree may come before what is below it."""
        return None

    def mend(self, digest: Digest, size: int | None, need: Need | None, path: bytes, trouble: Trouble) -> str | None:
        """As `Mender`; a damaged file is set aside first.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if trouble.name.startswith("packs/"):
            trouble.kind = "missing-object"  # its pack was set aside before
        if trouble.kind != "missing-object":
            kept = set_aside(self.cache.root, os.path.join(self.cache.root, trouble.name), hex_of(digest))
            trouble.kind, trouble.what = "missing-object", f"{trouble.what} (set aside as {kept})"
        for source in self._sources(digest, size, need, path):
            if self.cache.has(digest):
                return source
        trouble.hint = self._hint()
        return None

    def _sources(self, digest: Digest, size: int | None, need: Need | None, path: bytes) -> Iterator[str]:
        """Try one place after the other, and name each that was tried."""
        if need is not None and need.is_data and self.project is not None:
            take = self._file if size is not None else self._directory
            take(self.project.root, digest, path)
            yield f"the work tree ({name_to_text(path)})"
        if digest in self._asked:
            return
        self._asked.add(digest)
        if digest in self.strays:
            self._copy(digest, os.open(self.strays[digest], READ))
            yield os.path.relpath(self.strays[digest], self.cache.root)
        if need is not None and need.commit is not None and self.project is not None:
            self._pack(self.project.root, digest, need.commit, path)
            yield "the git repository"
        for remote in self.remotes:
            self._fetch(remote, digest, size)
            yield remote.shown

    def _file(self, root: str, digest: Digest, path: bytes) -> None:
        """Take a file of the work tree, if it has the bytes."""
        try:
            with parent_of(root, check_path(path)) as parent:
                descriptor = os.open(path.rsplit(b"/", 1)[-1], READ, dir_fd=parent)
        except (ReproError, OSError):
            return  # nothing there, or nothing that may be read: then it is no source
        self._copy(digest, descriptor)

    def _copy(self, digest: Digest, descriptor: int) -> None:
        try:
            if not _has_the_bytes(descriptor, digest):
                return

            def fill(target: int) -> None:
                os.lseek(descriptor, 0, os.SEEK_SET)
                copy_rest(descriptor, target)

            self._receive(digest, None, fill)
        finally:
            os.close(descriptor)

    def _directory(self, root: str, digest: Digest, path: bytes) -> None:
        """Take a directory of the work tree, if its tree is the one that is asked for; its files come as well."""
        if _tree_at(root, path, self.cache.root) != digest:
            return
        try:
            capture(root, check_path(path), self.cache, store=lambda: self.cache.root)
        except ReproError:
            return  # it changes under our eyes

    def _pack(self, root: str, digest: Digest, commit: str, path: bytes) -> None:
        from repro.code.code_pack import write_pack

        repository = root if path == b"code" else os.path.join(root, os.fsdecode(path))
        with tempfile.TemporaryFile() as file:
            try:
                write_pack(repository, commit, file)
            except ReproError:
                return  # the repository does not have the commit
            file.seek(0)
            self._copy(digest, os.dup(file.fileno()))

    def _fetch(self, remote: Remote, digest: Digest, size: int | None) -> None:
        if remote.shown in self.unreachable:
            return
        objects = self._objects.setdefault(remote.shown, RemoteObjects(remote, self.cache.root))
        try:
            found = objects.size(digest)
            if found is not None and size in (None, found):
                Fetch(self.cache, objects).bring([ObjectRef(digest, found)])
        except (MissingOnRemote, IntegrityError):
            return
        except RemoteError as error:
            self.unreachable[remote.shown] = error.message

    def _receive(self, digest: Digest, size: int | None, fill: Callable[[int], None]) -> None:
        try:
            self.cache.receive(digest, size, fill)
        except CorruptObject:
            return  # what came was something else, and was set aside

    def _hint(self) -> str:
        asked = [remote.shown for remote in self.remotes if remote.shown not in self.unreachable]
        silent = f"; could not be asked: {', '.join(self.unreachable)}" if self.unreachable else ""
        return f"neither the work tree{''.join(f' nor {shown}' for shown in asked)} has the bytes{silent}"


@dataclass(slots=True)
class MendFar:
    """Brings objects back to a remote, from the store here, in packs of their own; damaged ones stay beside.

    `distrusted` are the objects that are named there and damaged. What it has brought is there to stay once `finish`
    was called; `close` is called in any case.
    """

    cache: Cache
    remote: Remote
    distrusted: Collection[Digest]
    children_first: bool = True
    _push: Push | None = None

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        """Return the tree as the store here has it, None where it is not here."""
        try:
            return self.cache.read_tree(digest) if self.cache.has(digest) else None
        except CorruptObject:
            return None

    def mend(self, digest: Digest, size: int | None, need: Need | None, path: bytes, trouble: Trouble) -> str | None:
        """As `Mender`.

        Raises:
            RemoteError: the remote cannot be reached, or does not let us write.
        """
        found = self.cache.size(digest)
        trouble.hint = f"the store {self.cache.root} does not have the bytes: run this where they are"
        if found is None or size not in (None, found):
            return None
        try:
            self.cache.verify(ObjectRef(digest, found))
        except IntegrityError:
            return None
        if self._push is None:
            self._push = Push(self.cache, self.remote, distrusted=self.distrusted)
        self._push.send([ObjectRef(digest, found)])
        return f"the store {self.cache.root}"

    def finish(self) -> None:
        """Return when all that was sent is on the remote, to stay.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
        """
        if self._push is not None:
            self._push.flush()

    def close(self, *error: Any) -> None:
        """End the sending; `error` as a `with` block gives it."""
        if self._push is not None:
            self._push.__exit__(*(error or (None, None, None)))


def _has_the_bytes(descriptor: int, digest: Digest) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and hash_descriptor(descriptor).digest == digest
    except OSError:  # what cannot be read is no source
        return False


def _tree_at(root: str, path: bytes, store: str) -> Digest | None:
    """Return the digest of the directory's tree as it stands in the work tree, None where none can be made of it."""
    try:
        if not os.path.isdir(os.path.join(os.fsencode(root), path)):
            return None
        return capture(root, check_path(path), DigestOnly(), store=lambda: store).content.digest
    except (ReproError, OSError):
        return None
