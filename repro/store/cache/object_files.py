"""Every object that is a file of its own: listed folder by folder, sorted, and read from the first byte to the last.
Nothing is changed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from repro.model.data.content import ObjectRef
from repro.model.data.tree import Entry
from repro.model.digest import Digest
from repro.model.packs.store_check import LookedAt, digest_in_name
from repro.model.pattern import pattern
from repro.store.cache.cache import Cache
from repro.store.files.hashing import hash_descriptor
from repro.store.parallel import Stop, run_in_order

Progress = Callable[[int], None]

_BATCH = 64
"""Files per piece of work: handing over one file costs more than reading a small one."""
_FOLDER = pattern(r"[0-9a-f]{2}")


class ObjectPlace(Protocol):
    """What has objects."""

    shown: str

    def size(self, digest: Digest) -> int | None:
        """Return an object's length in bytes, None where it is not there."""
        ...

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """Return the entries of a tree.

        Raises:
            IntegrityError: the object is none.
        """
        ...


def look_at_all(
    files: FilesHere, jobs: int, progress: Progress, *, quick: bool = False
) -> Generator[LookedAt, None, None]:
    """Read every file of the store in up to `jobs` threads, and yield what was found, in the order of the names.

    A `quick` look takes a file for what it is called, and says only its length.
    """

    def look(names: list[str], stop: Stop) -> list[LookedAt]:
        def told(count: int) -> None:
            stop.check()
            progress(count)

        return [found for name in names if (found := files.look(name, told, quick=quick)) is not None]

    def batches() -> Iterator[list[str]]:
        for names in files.folders():
            yield from (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))

    with contextlib.closing(run_in_order(look, batches(), jobs)) as found:
        for batch in found:
            yield from batch


class FilesHere:
    """The objects of the store on this machine that are files of their own."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.shown = cache.root

    def folders(self) -> Iterator[list[str]]:
        """Yield the names of all files, sorted, in lists of one folder each; what is no folder is one of its own."""
        for folder in _names(f"{self.shown}/objects"):
            path = f"{self.shown}/objects/{folder}"
            if _FOLDER.fullmatch(folder) and os.path.isdir(path) and not os.path.islink(path):
                yield [f"objects/{folder}/{name}" for name in _names(path)]
            else:
                yield [f"objects/{folder}"]

    def look(self, name: str, told: Progress, *, quick: bool = False) -> LookedAt | None:
        """Read a file to its end; None if it has gone in the meantime."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(f"{self.shown}/{name}", flags)
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unreadable(name, error)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return LookedAt(name, None, "corrupt-object", "is not a regular file")
            digest = digest_in_name(name)
            if quick and digest is not None:
                return LookedAt(name, ObjectRef(digest, status.st_size))
            return LookedAt(name, hash_descriptor(descriptor, told))
        except OSError as error:
            return _unreadable(name, error)
        finally:
            os.close(descriptor)

    def size(self, digest: Digest) -> int | None:
        """As `ObjectPlace`."""
        return self._cache.size(digest)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """As `ObjectPlace`."""
        return self._cache.read_tree(digest)


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
