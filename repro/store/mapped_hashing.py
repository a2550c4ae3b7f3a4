"""BLAKE3 of a file that nobody writes to, without a copy of its bytes: they are mapped into memory part by part.

A mapped file that is cut short ends whoever reads there with SIGBUS, and so does a disk that cannot read. A lease keeps
the first away, and the second is found out before (`MADV_POPULATE_READ` in madvise(2), Linux 5.14): where there is no
lease, no such call, or the disk refuses, the rest is read.
"""

from __future__ import annotations

import os

from repro.model.content import ObjectRef
from repro.model.objects import Told
from repro.store.hashing import Hasher, finish, hash_rest, new_hasher
from repro.store.read_leases import drop_lease, holds_lease, take_lease

_PART = 32 * 1024 * 1024
"""Bytes mapped at a time: a multiple of any page's size, read long before a lease ends by itself."""

_POPULATE_READ = 22  # MADV_POPULATE_READ, the same on all of Linux's machines; Python has no name for it


def hash_mapped(descriptor: int, told: Told | None = None) -> ObjectRef:
    """Return digest and length of a regular file.

    `told` hears the bytes of each part, and may end the work by raising.

    Raises:
        OSError: it cannot be read.
    """
    hasher = new_hasher(on_all_cores=True)
    size = _hash_parts(descriptor, hasher, told)
    os.lseek(descriptor, size, os.SEEK_SET)
    size += hash_rest(descriptor, hasher, told)
    return ObjectRef(finish(hasher), size)


def _hash_parts(descriptor: int, hasher: Hasher, told: Told | None) -> int:
    """Return how much of the file was hashed."""
    if not take_lease(descriptor):
        return 0
    try:
        passed, size = 0, os.fstat(descriptor).st_size
        while passed < size and holds_lease(descriptor):
            length = min(_PART, size - passed)
            if not _hash_part(descriptor, hasher, passed, length):
                break
            passed += length
            if told:
                told(length)
        return passed
    finally:
        drop_lease(descriptor)


def _hash_part(descriptor: int, hasher: Hasher, offset: int, length: int) -> bool:
    """Whether a part could be mapped, and was hashed."""
    import mmap

    try:
        part = mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
    except OSError:
        return False
    with part:
        try:
            part.madvise(_POPULATE_READ)
        except OSError:
            return False
        hasher.update(part)
    return True
