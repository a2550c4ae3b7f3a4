"""A file copied into the store by the kernel, and hashed there while the kernel copies what follows.

What is hashed is the copy: it is what the digest names, and nobody else can write to it or cut it short.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import mmap
import os

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.store.files.file_copy import copy_rest
from repro.store.files.hashing import BLOCK, Hasher, finish, new_hasher
from repro.store.files.mapped_hashing import POPULATE_READ
from repro.store.files.temp_files import write_all
from repro.store.parallel import Stop, run_in_order

_PART = 8 * 1024 * 1024
"""Bytes copied, then hashed, at a time: a multiple of any page's size. 4 GiB take as long so as `cp` does; by reads and
writes of 1 MiB from Python, beside which another thread hashes, twice that (two cores, ext4, 2026-11)."""


def copy_and_hash_here(source: int, target: int, first: bytes = b"", told: Told | None = None) -> ObjectRef:
    """Write `first` and all that can be read from `source` to `target`, and return digest and length of it.

    Without `first` it is faster: the kernel copies twice as fast where pages begin in both files alike.

    Args:
        source: the open file, at the position behind `first`.
        target: an empty file that is open for reading and writing, and that nobody else has.
        first: what was read already.
        told: hears the bytes of each part, and may end the work by raising.

    Raises:
        OSError: reading or writing fails.
    """
    write_all(target, first)
    hasher = new_hasher()
    hashed = 0

    def work(end: int, stop: Stop) -> int:
        at = os.lseek(target, 0, os.SEEK_CUR)
        return at + copy_rest(source, target, end - at)

    with contextlib.closing(run_in_order(work, itertools.count(_PART, _PART), 1)) as ends:
        for wanted, end in zip(itertools.count(_PART, _PART), ends, strict=False):
            _hash_part(target, hashed, end, hasher)
            if told:
                told(end - hashed)
            hashed = end
            if end < wanted:
                break
    return ObjectRef(finish(hasher), hashed)


def _hash_part(descriptor: int, start: int, end: int, hasher: Hasher) -> None:
    if start == end:
        return
    try:
        part = mmap.mmap(descriptor, end - start, mmap.MAP_SHARED, mmap.PROT_READ, offset=start)
        with part:
            part.madvise(POPULATE_READ)  # a disk that cannot read is an error here, and SIGBUS later
            hasher.update(part)
    except OSError:
        _hash_read(descriptor, start, end, hasher)


def _hash_read(descriptor: int, start: int, end: int, hasher: Hasher) -> None:
    while start < end:
        block = os.pread(descriptor, min(BLOCK, end - start), start)
        if not block:
            raise OSError(errno.EIO, "what was written cannot be read again")
        hasher.update(block)
        start += len(block)
