"""A large object cut into chunks where its content says so, and its bytes compared with its digest on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from typing import BinaryIO, Protocol

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of, raw_of
from repro.model.packs.chunk_list import chunk_bytes, list_start
from repro.model.packs.pack import RecordKind
from repro.store.files.cut_content import cut
from repro.store.files.hashing import finish, new_hasher
from repro.store.packs.records import Packed, pack_chunk_list, pack_object
from repro.store.parallel import Stop, run_in_order
from repro.store.usable_cores import usable_cores

_LEAST, _MOST = 2, 4
"""Threads that hash chunks and pack them. More would hold more memory than they save time: there are one that reads,
one that cuts and one that writes beside them."""


class ChunkSink(Protocol):
    """Where chunks go."""

    def kind_of(self, digest: Digest) -> RecordKind | None:
        """Return what the object's record is, if there is one already."""
        ...

    def add(self, digest: Digest, packed: Packed, *, is_tree: bool, of_large: bool) -> None:
        """Take a record."""
        ...


def threads() -> int:
    """Return how many threads hash chunks and pack them."""
    return max(_LEAST, min(_MOST, usable_cores()))


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
    sent = size = count = 0
    listed = bytearray()
    whole = new_hasher()
    with closing(cut(file, whole)) as chunks, closing(run_in_order(_pack(sink), chunks, threads())) as work:
        for digest, length, packed in itertools.chain.from_iterable(work):
            if packed is not None and sink.kind_of(digest) in (None, RecordKind.CHUNKS):
                sink.add(digest, packed, is_tree=is_tree and digest == ref.digest, of_large=True)
                sent += length
            listed += chunk_bytes(raw_of(digest), length)
            count += 1
            size += length
            told(length)
    if ObjectRef(finish(whole), size) != ref:
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
