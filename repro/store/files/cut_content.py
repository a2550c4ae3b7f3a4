"""A file cut into chunks where its content says so, its bytes hashed on the way."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from repro.errors import CannotProceed
from repro.model.packs.chunk_list import CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN, CHUNK_NORMALIZATION
from repro.store.files.hashing import Hasher
from repro.store.files.reused_memory import ReusedMemory
from repro.store.parallel import Stop, run_in_order

if TYPE_CHECKING:
    from pyfastcdc.cy import FastCDC

_BLOCK = 4 * 1024 * 1024
"""Bytes whose chunks are handed on together: to hand on one by one takes as long as half of what is done with them."""

_PIECE = 4 * _BLOCK
"""Bytes of the file that lie in one piece of memory: at its end, what is not yet cut is copied to the next one."""

_HASHED_AT_ONCE = 512 * 1024
"""Bytes read and hashed at a time: they are in the core's own cache still."""

_Block = tuple[memoryview, int, int]
"""A piece of memory, and where in it the block begins and ends."""


class NoChunker(CannotProceed):
    """The library that finds where large files are cut is here without its compiled part."""

    id = "no-chunker"


def cut(file: BinaryIO, whole: Hasher) -> Generator[list[memoryview], None, None]:
    """Yield the chunks of a file, from its start to its end, some at a time.

    Whoever keeps a chunk keeps megabytes around it. Another thread reads ahead.

    Args:
        file: whose descriptor is read.
        whole: is given all bytes; it has had them when the last chunk is there.

    Raises:
        NoChunker: the chunker has no compiled part here.
        OSError: reading fails.
    """
    chunker = _chunker()
    rest = memoryview(b"")
    with closing(_blocks(file.fileno(), whole)) as blocks:
        for memory, first, end in blocks:
            start = first - len(rest)
            if first == CHUNK_MAX:
                memory[start:first] = rest
            rest = memory[start:end]
            ended = end - first < _BLOCK
            cuts = chunker.cut_buf(rest)
            chunks = []
            while rest and (ended or len(rest) >= CHUNK_MAX):  # else what follows may move the cut
                length = next(cuts).length
                chunks.append(rest[:length])
                rest = rest[length:]
            if chunks:
                yield chunks
            if ended:
                return


def _chunker() -> FastCDC:
    try:
        from pyfastcdc.cy import FastCDC
    except ImportError as error:
        raise NoChunker(
            f"files above 128 KiB cannot be pushed: the compiled part of pyfastcdc does not load ({error})",
            "`pip install --only-binary :all: --force-reinstall pyfastcdc` installs it, for this Python",
        ) from error
    return FastCDC(
        CHUNK_AVERAGE, min_size=CHUNK_MIN, max_size=CHUNK_MAX, normalized_chunking=CHUNK_NORMALIZATION, seed=0
    )


def _blocks(descriptor: int, whole: Hasher) -> Generator[_Block, None, None]:
    """Yield the blocks of a file, one after the other in pieces of memory that have room for a chunk before them.

    One that is not full is the last.
    """
    pieces = ReusedMemory(CHUNK_MAX + _PIECE)
    memory = memoryview(b"")

    def work(offset: int, stop: Stop) -> _Block:
        nonlocal memory
        stop.check()
        first = CHUNK_MAX + offset % _PIECE
        if first == CHUNK_MAX:
            memory = pieces.take()
        return memory, first, first + _read(descriptor, memory[first : first + _BLOCK], offset, whole)

    yield from run_in_order(work, itertools.count(0, _BLOCK), 1)


def _read(descriptor: int, memory: memoryview, offset: int, whole: Hasher) -> int:
    """Fill memory from a file, and hash it; return how many bytes there were, fewer only at the end of the file."""
    filled = 0
    while filled < len(memory):
        count = os.preadv(descriptor, [memory[filled : filled + _HASHED_AT_ONCE]], offset + filled)
        if not count:
            break
        whole.update(memory[filled : filled + count])
        filled += count
    return filled
