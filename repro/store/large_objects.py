"""A large object cut into chunks where its content says so, and its bytes compared with its digest on the way."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Protocol

from repro.errors import CannotProceed
from repro.model.chunk_list import (
    CHUNK_AVERAGE,
    CHUNK_MAX,
    CHUNK_MIN,
    CHUNK_NORMALIZATION,
    chunk_bytes,
    list_start,
)
from repro.model.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.pack import RecordKind
from repro.store.hashing import finish, new_hasher
from repro.store.packs.records import Packed, pack_chunk_list, pack_object
from repro.store.parallel import Stop, run_in_order

_BLOCK = 6 * 1024 * 1024
_THREADS = 3


class NoChunker(CannotProceed):
    """The library that finds where large files are cut is here without its compiled part."""

    id = "no-chunker"


class ChunkSink(Protocol):
    """Where chunks go."""

    def kind_of(self, digest: Digest) -> RecordKind | None:
        """Return what the object's record is, if there is one already."""
        ...

    def add(self, digest: Digest, packed: Packed, *, is_tree: bool, of_large: bool) -> None:
        """Take a record."""
        ...


def send_large(
    file: BinaryIO, ref: ObjectRef, sink: ChunkSink, told: Callable[[int], None], is_tree: bool = False
) -> int | None:
    """Cut an object, and give the sink those chunks that it does not have, then the list of all.

    Args:
        file: the object's bytes.
        ref: what they must be.
        sink: takes the records.
        told: hears the bytes of each chunk.
        is_tree: whether the object is a tree.

    Returns:
        The bytes of the chunks that the sink did not have; None where the file's bytes are not those of `ref`: the
        sink has got chunks then, and no list.

    Raises:
        NoChunker: the chunker has no compiled part here.
        OSError: reading or writing fails.
    """
    sent = count = 0
    listed = bytearray()
    with _Hashing() as hashing:
        work = run_in_order(_pack(sink), _cut(file, hashing), _THREADS)
        for digest, length, packed in itertools.chain.from_iterable(work):
            if packed is not None and sink.kind_of(digest) in (None, RecordKind.CHUNKS):
                sink.add(digest, packed, is_tree=is_tree and digest == ref.digest, of_large=True)
                sent += length
            listed += chunk_bytes(bytes.fromhex(digest[3:]), length)
            count += 1
            told(length)
        if hashing.ref() != ref:
            return None
    if count > 1:
        packed = pack_chunk_list(ref, list_start(ref.size, count) + listed)
        sink.add(ref.digest, packed, is_tree=is_tree, of_large=True)
    return sent


def _pack(sink: ChunkSink) -> Callable[[list[memoryview], Stop], list[tuple[Digest, int, Packed | None]]]:
    def pack(chunk: memoryview) -> tuple[Digest, int, Packed | None]:
        digest = digest_of(chunk)
        there = sink.kind_of(digest) not in (None, RecordKind.CHUNKS)
        return digest, len(chunk), None if there else pack_object(digest, chunk)

    def work(chunks: list[memoryview], stop: Stop) -> list[tuple[Digest, int, Packed | None]]:
        packed = []
        for chunk in chunks:
            stop.check()
            packed.append(pack(chunk))
        return packed

    return work


def _cut(file: BinaryIO, hashing: _Hashing) -> Iterator[list[memoryview]]:
    """Yield the chunks, as parts of blocks that live as long as they do: those of a block together, since handing them
    to another thread one by one takes as long as half of what is done with them."""
    try:
        from pyfastcdc.cy import FastCDC
    except ImportError as error:
        raise NoChunker(
            f"files above 128 KiB cannot be pushed: the compiled part of pyfastcdc does not load ({error})",
            "`pip install --only-binary :all: --force-reinstall pyfastcdc` installs it, for this Python",
        ) from error
    chunker = FastCDC(
        CHUNK_AVERAGE, min_size=CHUNK_MIN, max_size=CHUNK_MAX, normalized_chunking=CHUNK_NORMALIZATION, seed=0
    )
    offset = hashed = 0
    ended = False
    while not ended:
        # What was read and not cut is read again: to join it with what follows would copy everything.
        block = _read(file.fileno(), offset)
        ended = len(block) < _BLOCK
        rest = memoryview(block)
        hashing.update(rest[hashed - offset :])
        hashed = offset + len(block)
        chunks = []
        for chunk in chunker.cut_buf(rest):
            if len(rest) < CHUNK_MAX and not ended:
                break  # what follows may move this cut
            chunks.append(rest[: chunk.length])
            rest = rest[chunk.length :]
        offset = hashed - len(rest)
        if chunks:
            yield chunks


def _read(descriptor: int, offset: int) -> bytes:
    """Return the bytes of the next block, fewer only at the end of the file."""
    block = os.pread(descriptor, _BLOCK, offset)
    while len(block) < _BLOCK and (more := os.pread(descriptor, _BLOCK - len(block), offset + len(block))):
        block += more
    return block


class _Hashing:
    """The digest of what is read, made in a thread of its own."""

    def __init__(self) -> None:
        self._hasher = new_hasher()
        self._thread = ThreadPoolExecutor(1, "repro-hash")
        self._last: Future[object] | None = None
        self._size = 0

    def update(self, block: memoryview) -> None:
        """Take the next bytes; at most two blocks wait."""
        if self._last is not None:
            self._last.result()
        self._size += len(block)
        self._last = self._thread.submit(self._hasher.update, block)

    def ref(self) -> ObjectRef:
        """Return digest and length of all."""
        if self._last is not None:
            self._last.result()
        return ObjectRef(finish(self._hasher), self._size)

    def __enter__(self) -> _Hashing:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)
