"""BLAKE3 of a file that nobody writes to, without a copy of its bytes: they are mapped into memory part by part.

A mapped file that is cut short ends whoever reads there with SIGBUS, and so does a disk that cannot read. A lease keeps
the first away, and the second is found out before (`MADV_POPULATE_READ` in madvise(2), Linux 5.14): where there is no
lease, no such call, or the disk refuses, the rest is read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import TYPE_CHECKING

from repro.model.content import ObjectRef
from repro.model.objects import Told
from repro.store.hashing import Hasher, finish, hash_rest, new_hasher
from repro.store.parallel import Stop, run_in_order
from repro.store.read_leases import drop_lease, holds_lease, take_lease

if TYPE_CHECKING:
    from mmap import mmap

_PART = 8 * 1024 * 1024
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
        with contextlib.closing(_parts(descriptor, size)) as parts:
            for part in parts:
                if part is None:
                    break
                with part:
                    hasher.update(part)
                    passed += len(part)
                    if told:
                        told(len(part))
                if not holds_lease(descriptor):
                    break
        return passed
    finally:
        drop_lease(descriptor)


def _parts(descriptor: int, size: int) -> Generator[mmap | None, None, None]:
    """Yield the parts of a file in order; None for one that cannot be mapped. The next ones are got ready meanwhile."""
    spans = [(offset, min(_PART, size - offset)) for offset in range(0, size, _PART)]

    def work(span: tuple[int, int], stop: Stop) -> mmap | None:
        return _map(descriptor, *span)

    if len(spans) > 1:
        yield from run_in_order(work, spans, 1)
    elif spans:
        yield _map(descriptor, *spans[0])


def _map(descriptor: int, offset: int, length: int) -> mmap | None:
    """Return a part that can be read to its end, None where there is none."""
    import mmap

    try:
        part = mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
        part.madvise(_POPULATE_READ)
    except OSError:
        return None
    return part
