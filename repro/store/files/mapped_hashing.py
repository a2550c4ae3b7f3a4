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

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.store.files.hashing import Hasher, finish, hash_rest, new_hasher
from repro.store.files.read_leases import drop_lease, holds_lease, take_lease
from repro.store.parallel import Stop, run_in_order

if TYPE_CHECKING:
    from mmap import mmap

_PART = 64 * 1024 * 1024
"""Bytes mapped at a time, twice at most: a multiple of any page's size. With less, the thread that gets the next part
ready takes a core from BLAKE3 in the middle of a part, and the other core waits for it: 0.65 s for 4 GiB by parts of
16 MiB, 0.59 s by these, as long as by one map of all (two cores, 2026-11)."""

POPULATE_READ = 22  # MADV_POPULATE_READ, the same on all of Linux's machines; Python has no name for it


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
                # The part is in memory now: hashing it takes moments, and a lease that is asked for lasts seconds more.
                if part is None or not holds_lease(descriptor):
                    break
                hasher.update(part)
                passed += len(part)
                if told:
                    told(len(part))
        return passed
    finally:
        drop_lease(descriptor)


def _parts(descriptor: int, size: int) -> Generator[mmap | None, None, None]:
    """Yield the parts of a file in order; None for one that cannot be mapped. A part is good until the next is asked
    for: another thread then takes it away, and gets ready the one after."""
    spans = [(offset, min(_PART, size - offset)) for offset in range(0, size, _PART)]
    mapped: list[mmap] = []

    def work(span: tuple[int, int], stop: Stop) -> mmap | None:
        while len(mapped) > 1:
            mapped.pop(0).close()
        part = _map(descriptor, *span)
        if part is not None:
            mapped.append(part)
        return part

    try:
        if len(spans) > 1:
            yield from run_in_order(work, spans, 1)
        elif spans:
            yield work(spans[0], Stop())
    finally:
        for part in mapped:
            part.close()


def _map(descriptor: int, offset: int, length: int) -> mmap | None:
    """Return a part that can be read to its end, None where there is none."""
    import mmap

    try:
        part = mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
    except OSError:
        return None
    try:
        part.madvise(POPULATE_READ)
    except OSError:
        part.close()
        return None
    return part
