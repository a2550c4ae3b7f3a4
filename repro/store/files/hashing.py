"""BLAKE3 of what can be read from an open file descriptor, with flat memory."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Protocol

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.digest import Digest, digest_of
from repro.store.files.temp_files import write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK = 1024 * 1024
"""Bytes per read: what fits into a core's own cache is copied and hashed fastest by one thread."""

_HASHED_AT_ONCE = 4 * 1024 * 1024  # by all cores; larger blocks bring nothing, and a map of the file costs more
_AHEAD = 4  # blocks that are read and not yet written


class Hasher(Protocol):
    """BLAKE3-256 of what it was given so far."""

    def update(self, data: Buffer, /) -> object:
        """Take the next bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the 64 digits."""
        ...


def new_hasher(*, on_all_cores: bool = False) -> Hasher:
    """Return a BLAKE3-256 hasher. Several cores pay for blocks of megabytes, unless they have other work."""
    from blake3 import blake3

    return blake3(max_threads=blake3.AUTO) if on_all_cores else blake3()


def finish(hasher: Hasher) -> Digest:
    """Return the digest of all that the hasher was given."""
    return Digest("b3:" + hasher.hexdigest())


def hash_descriptor(descriptor: int, told: Told | None = None, *, on_all_cores: bool = True) -> ObjectRef:
    """Return digest and length of what can be read from the descriptor's position to its end.

    `told` hears the bytes of each block, and may end the work by raising. Where others hash at the same time, one core
    each will do, and takes a quarter of the memory.
    It reads and does not map: a mapped file that somebody cuts short ends the process with SIGBUS.
    """
    first = os.read(descriptor, BLOCK)
    if len(first) < BLOCK:
        rest = os.read(descriptor, BLOCK)
        if not rest:
            if told:
                told(len(first))
            return ObjectRef(digest_of(first), len(first))
        first += rest
    hasher = new_hasher(on_all_cores=on_all_cores)
    hasher.update(first)
    if told:
        told(len(first))
    size = len(first) + hash_rest(descriptor, hasher, told, _HASHED_AT_ONCE if on_all_cores else BLOCK)
    return ObjectRef(finish(hasher), size)


def hash_rest(descriptor: int, hasher: Hasher, told: Told | None, block: int = _HASHED_AT_ONCE) -> int:
    """Give the hasher what can be read from the descriptor's position to its end, so many bytes at a time; return how
    many bytes that was."""
    size = 0
    buffer = memoryview(bytearray(block))
    while count := os.readv(descriptor, [buffer]):
        hasher.update(buffer[:count])
        size += count
        if told:
            told(count)
    return size


def hash_file(path: str) -> ObjectRef | None:
    """Return digest and length of a file, None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return hash_descriptor(descriptor)
    finally:
        os.close(descriptor)


def copy_and_hash(source: int, target: int, told: Told | None = None) -> ObjectRef:
    """Write all that can be read from `source` to `target`, and return digest and length of what was read.

    `told` hears the bytes of each block.

    One thread writes what another has read and is hashing. Where nobody else has the target,
    `repro.store.files.hashed_copy` takes half the time: it maps the copy, which may not be cut short meanwhile.
    """
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    hasher = new_hasher()
    size = 0
    writing: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, "repro-write") as writer:
        for buffer in itertools.cycle([memoryview(bytearray(BLOCK)) for _ in range(_AHEAD)]):
            if len(writing) == _AHEAD:
                writing.popleft().result()
            count = os.readv(source, [buffer])
            if not count:
                break
            writing.append(writer.submit(write_all, target, buffer[:count]))
            hasher.update(buffer[:count])
            size += count
            if told:
                told(count)
        for written in writing:
            written.result()
    return ObjectRef(finish(hasher), size)
