"""Every file among the objects, here and far: listed folder by folder, sorted, and read from the first byte to the
last. Nothing is changed."""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from repro.model.content import ObjectRef
from repro.model.digest import Digest
from repro.model.store_check import LookedAt
from repro.model.tree import Entry, decode_tree
from repro.model.tree_objects import MAX_TREE_BYTES
from repro.store.cache import Cache
from repro.store.hashing import hash_descriptor
from repro.store.parallel import Stop, run_in_order
from repro.store.remote import Remote
from repro.store.remote_errors import CorruptRemoteObject, MissingOnRemote, RemoteRefused
from repro.store.remote_objects import RemoteObjects

Progress = Callable[[int], None]

_BATCH = 64
"""Files per piece of work: handing over one file costs more than reading a small one."""
_FOLDER = re.compile(r"[0-9a-f]{2}")


class ObjectFiles(Protocol):
    """The files of one place."""

    shown: str

    def folders(self) -> Iterator[list[str]]:
        """Yield the names of all files, sorted, in lists of one folder each."""
        ...

    def look(self, name: str, told: Progress) -> LookedAt | None:
        """Read a file to its end; None if it has gone in the meantime."""
        ...

    def size(self, digest: Digest) -> int | None:
        """Return an object's length in bytes, None where it is not there."""
        ...

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """Return the entries of a tree.

        Raises:
            IntegrityError: the object is none.
        """
        ...


def look_at_all(files: ObjectFiles, jobs: int, progress: Progress) -> Generator[LookedAt, None, None]:
    """Read every file of a place in up to `jobs` threads, and yield what was found, in the order of the names."""

    def look(names: list[str], stop: Stop) -> list[LookedAt]:
        def told(count: int) -> None:
            stop.check()
            progress(count)

        return [found for name in names if (found := files.look(name, told)) is not None]

    def batches() -> Iterator[list[str]]:
        for names in files.folders():
            yield from (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))

    with contextlib.closing(run_in_order(look, batches(), jobs)) as found:
        for batch in found:
            yield from batch


class FilesHere:
    """The objects of the store on this machine."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.shown = cache.root

    def folders(self) -> Iterator[list[str]]:
        """As `ObjectFiles`; what is no folder of objects is a list of its own."""
        for folder in _names(f"{self.shown}/objects"):
            path = f"{self.shown}/objects/{folder}"
            if _FOLDER.fullmatch(folder) and os.path.isdir(path) and not os.path.islink(path):
                yield [f"objects/{folder}/{name}" for name in _names(path)]
            else:
                yield [f"objects/{folder}"]

    def look(self, name: str, told: Progress) -> LookedAt | None:
        """As `ObjectFiles`."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(f"{self.shown}/{name}", flags)
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unreadable(name, error)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return LookedAt(name, None, "corrupt-object", "is not a regular file")
            return LookedAt(name, hash_descriptor(descriptor, told))
        except OSError as error:
            return _unreadable(name, error)
        finally:
            os.close(descriptor)

    def size(self, digest: Digest) -> int | None:
        """As `ObjectFiles`."""
        return self._cache.size(digest)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """As `ObjectFiles`."""
        return self._cache.read_tree(digest)


class FilesFar:
    """The objects of a remote, as its indexes name them."""

    def __init__(self, remote: Remote, root: str) -> None:
        """Take the remote, and the folder of the cache, where its indexes are kept."""
        self.objects = RemoteObjects(remote, root)
        self.shown = remote.shown

    def folders(self) -> Iterator[list[str]]:
        """As `ObjectFiles`; a name is made of the object's digest, under which there is no file."""
        named = heapq.merge(*((digest for digest, _ in index.entries()) for index in self.objects.indexes()))
        each = (digest for digest, _ in itertools.groupby(named))
        while names := [f"objects/{digest[3:5]}/{digest[5:]}" for digest in itertools.islice(each, 4096)]:
            yield names

    def look(self, name: str, told: Progress) -> LookedAt | None:
        """As `ObjectFiles`.

        Raises:
            RemoteUnreachable: the connection is lost.
        """
        digest = Digest("b3:" + name.removeprefix("objects/").replace("/", ""))
        size = self.objects.size(digest)
        if size is None:
            return None
        try:
            ref = ObjectRef(digest, size)
            self.objects.verify(ref, told)
            return LookedAt(name, ref)
        except MissingOnRemote:
            return None
        except CorruptRemoteObject as error:
            return LookedAt(name, None, "corrupt-object", f"is damaged: {error.message}")
        except RemoteRefused as error:
            return LookedAt(name, None, "unreadable-object", f"cannot be read: {error.message}")

    def size(self, digest: Digest) -> int | None:
        """As `ObjectFiles`."""
        return self.objects.size(digest)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """As `ObjectFiles`."""
        return decode_tree(self.objects.read(digest, MAX_TREE_BYTES))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _unreadable(name: str, error: OSError) -> LookedAt:
    if error.errno == errno.ELOOP:
        return LookedAt(name, None, "corrupt-object", "is a symbolic link")
    # Bytes that the disk does not give back are lost; those that we may not read may be sound.
    kind = "corrupt-object" if error.errno == errno.EIO else "unreadable-object"
    return LookedAt(name, None, kind, f"cannot be read: {error.strerror}")
