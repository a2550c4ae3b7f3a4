"""The chunks that make up a large object. Specified in `docs/reference/format.md`, section "Chunk list"."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack import MAX_RECORD

LIST_HEADER = b"repro-chunks 1\0\0"

CHUNK_MIN = 128 * 1024
CHUNK_AVERAGE = 512 * 1024
CHUNK_MAX = MAX_RECORD
CHUNK_NORMALIZATION = 1
"""FastCDC 2020 (Xia and others, IEEE TPDS 31(9), 2020) with these bounds in bytes, gear table seed 0: fixed by the
format, since two writers that cut differently share nothing."""

_COUNTS = struct.Struct("<QQ")
_CHUNK = struct.Struct("<32sI")
ENTRY_BYTES = _CHUNK.size
START_BYTES = len(LIST_HEADER) + _COUNTS.size


class BadChunkList(IntegrityError):
    """Bytes that should be a chunk list are not."""

    id = "bad-chunk-list"


@dataclass(frozen=True, slots=True)
class ListStart:
    """What a chunk list declares: the object's length in bytes, and the number of its chunks."""

    size: int
    chunks: int


def list_start(size: int, chunks: int) -> bytes:
    """Return a chunk list up to its first chunk."""
    return LIST_HEADER + _COUNTS.pack(size, chunks)


def chunk_bytes(digest: bytes, length: int) -> bytes:
    """Return one chunk of a list: its 32 bytes of digest and its length in bytes."""
    return _CHUNK.pack(digest, length)


def parse_list_start(data: bytes, size: int, stored: int) -> ListStart:
    """Return what a chunk list declares.

    Args:
        data: its first `START_BYTES` bytes.
        size: the object's length as the record's head has it.
        stored: the list's length in bytes.

    Raises:
        BadChunkList: it is none, or its numbers do not fit.
    """
    if len(data) != START_BYTES or not data.startswith(LIST_HEADER):
        raise BadChunkList("the list of chunks has another format version than this repro reads (1), or is none")
    declared, chunks = _COUNTS.unpack_from(data, len(LIST_HEADER))
    if declared != size or stored != START_BYTES + chunks * ENTRY_BYTES:
        raise BadChunkList(f"the list of chunks declares {declared} bytes in {chunks} chunks, and has another length")
    return ListStart(declared, chunks)


def parse_chunks(data: bytes) -> Iterator[tuple[Digest, int]]:
    """Yield digest and length of the chunks in a part of a list, `ENTRY_BYTES` each.

    Raises:
        BadChunkList: a chunk is empty, or longer than any is.
    """
    for digest, length in _CHUNK.iter_unpack(data):
        if not 0 < length <= CHUNK_MAX:
            raise BadChunkList(f"the list of chunks names a chunk of {length} bytes")
        yield Digest("b3:" + digest.hex()), length
