"""The packs and indexes of one place, for who checks them: here and far."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex, PackFile
from repro.model.pattern import pattern
from repro.store.checking.check_indexes import check_order
from repro.store.checking.check_pack import Read
from repro.store.files.hashing import hash_descriptor
from repro.store.files.temp_files import temp_file
from repro.store.packs.index_files import IndexFiles
from repro.store.remote.garbage import packs_there
from repro.store.remote.indexes import MAX_INDEX, listed_indexes
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.remote import Remote
from repro.store.storages.errors import NotOnRemote, RemoteListsNothing

_NAME = pattern(r"[0-9a-f]{64}")

Told = Callable[[int], None]


@dataclass(slots=True)
class Indexes:
    """The indexes of a place: those that can be read, and the findings about others, by their names (64 hex)."""

    good: dict[str, PackIndex] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


class PackFiles(Protocol):
    """What a check asks of a place, with a folder of this machine for temporary files."""

    shown: str
    tmp: str

    def indexes(self, told: Told) -> Indexes:
        """Read all indexes, and compare them with their names."""
        ...

    def packs(self) -> list[PackFile] | None:
        """Return the packs that are there, with the lengths that they have; None where the place cannot say."""
        ...

    def strays(self) -> Iterator[Finding]:
        """Yield what is among packs and indexes and called like none."""
        ...

    def open(self, pack: PackFile) -> AbstractContextManager[Read]:
        """Return what reads a pack.

        Raises:
            FileNotFoundError, NotOnRemote: it has gone.
            OSError: it is no regular file (`errno.EINVAL`), or cannot be read.
        """
        ...


class PacksHere:
    """Of the store on this machine."""

    def __init__(self, root: str) -> None:
        """Take the cache's folder."""
        self.shown = root
        self.tmp = f"{root}/tmp"

    def indexes(self, told: Told) -> Indexes:
        """As `PackFiles`."""
        found, files = Indexes(), IndexFiles()
        for name in self._names("indexes"):
            try:
                with _opened(f"{self.shown}/indexes/{name}") as descriptor:
                    digest = hash_descriptor(descriptor, told).digest
                    found.good[name] = _index(files, descriptor, name, digest)
            except FileNotFoundError:
                continue  # merged into another
            except BadIndex as error:
                found.bad[name] = error.message
            except OSError as error:
                (found.bad if is_damage(error) else found.unreadable)[name] = why(error)
        return found

    def packs(self) -> list[PackFile] | None:
        """As `PackFiles`."""
        found = []
        for name in self._names("packs"):
            with contextlib.suppress(FileNotFoundError):
                size = os.stat(f"{self.shown}/packs/{name}", follow_symlinks=False).st_size
                found.append(PackFile(Digest(f"b3:{name}"), size))
        return found

    def strays(self) -> Iterator[Finding]:
        """As `PackFiles`."""
        for folder in ("packs", "indexes"):
            for name in _listed(f"{self.shown}/{folder}"):
                if not _NAME.fullmatch(name):
                    yield Finding("stray-file", "no pack and no index is called so", f"{folder}/{name}")

    @contextlib.contextmanager
    def open(self, pack: PackFile) -> Iterator[Read]:
        """As `PackFiles`."""
        with _opened(f"{self.shown}/{pack_name(pack.digest)}") as descriptor:
            yield lambda offset, length: os.pread(descriptor, length, offset)

    def _names(self, folder: str) -> list[str]:
        return [name for name in _listed(f"{self.shown}/{folder}") if _NAME.fullmatch(name)]


class PacksFar:
    """Of a remote. Each index is fetched again: what was kept of it here says nothing of what is there."""

    def __init__(self, remote: Remote, root: str) -> None:
        """Take the remote, and the folder of the cache, for temporary files."""
        self.shown = remote.shown
        self._remote = remote
        self.tmp = f"{root}/tmp"

    def indexes(self, told: Told) -> Indexes:
        """As `PackFiles`.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
        """
        found, files = Indexes(), IndexFiles()
        for name in listed_indexes(self._remote):
            with temp_file(self.tmp) as (descriptor, _):
                try:
                    self._remote.get_to(index_name(Digest(f"b3:{name}")), descriptor, MAX_INDEX, told)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                    found.good[name] = _index(files, descriptor, name, hash_descriptor(descriptor).digest)
                except NotOnRemote:
                    continue  # merged into another, or `index-list` is behind
                except IntegrityError as error:
                    found.bad[name] = error.message
        return found

    def packs(self) -> list[PackFile] | None:
        """As `PackFiles`."""
        try:
            return list(packs_there(self._remote).written)
        except RemoteListsNothing:
            return None

    def strays(self) -> Iterator[Finding]:
        """As `PackFiles`: other files are not part of a remote."""
        return iter(())

    @contextlib.contextmanager
    def open(self, pack: PackFile) -> Iterator[Read]:
        """As `PackFiles`.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
        """
        name = pack_name(pack.digest)
        yield lambda offset, length: self._remote.read_range(name, offset, length)


def is_damage(error: OSError) -> bool:
    """Whether the bytes are lost: what we may not read may be sound, what the disk does not give back is not."""
    return error.errno in (errno.EIO, errno.ELOOP, errno.EINVAL)


def why(error: OSError) -> str:
    """Return what a finding says of a file that could not be read."""
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return "it is not a regular file" if error.errno == errno.EINVAL else f"it cannot be read: {error.strerror}"


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        yield descriptor
    finally:
        os.close(descriptor)


def _index(files: IndexFiles, descriptor: int, name: str, digest: Digest) -> PackIndex:
    """Return the index in an open file; BadIndex where it is none, or not what its name says."""
    if digest != f"b3:{name}":
        raise BadIndex(f"its bytes are those of {digest}")
    if not os.fstat(descriptor).st_size:
        raise BadIndex("it is an empty file")
    index = files.open(descriptor)
    check_order(index)
    return index


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
