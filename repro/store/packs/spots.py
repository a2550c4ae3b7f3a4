"""Where the records of a pack lie, as bytes: what an index says of them, 60 bytes for each, with the pack's position 0.

So a pack's records travel from one process to another, and into an index, without an object for each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES, RecordKind
from repro.model.packs.pack_index_format import DIGEST_BYTES, ENTRY_BYTES, PACK_IN_ENTRY
from repro.model.packs.pack_places import parse_place

Spot = tuple[int, int, int, RecordKind]
"""Of a record in a pack being written: offset, the object's size, the payload's length, kind."""


def decode_spots(entries: bytes) -> Iterator[tuple[Digest, Spot]]:
    """Yield the records again.

    Raises:
        BadIndex: an entry says what cannot be.
    """
    for entry in split_entries(entries):
        _, offset, size, stored, kind = parse_place(entry[DIGEST_BYTES:])
        yield Digest("b3:" + entry[:DIGEST_BYTES].hex()), (offset, size, stored, kind)


_ROW = struct.Struct("<32xQQIIB3x")  # offset, size, stored, pack, kind


def bytes_of(entries: bytes) -> tuple[int, int, int]:
    """Return how many bytes the objects of some records have, how many the records, and the longest object's."""
    size = longest = 0
    stored = HEAD_BYTES * (len(entries) // ENTRY_BYTES)
    for _, one, payload, _, _ in _ROW.iter_unpack(entries):
        size += one
        stored += payload
        longest = max(longest, one)
    return size, stored, longest


def digests_of(entries: bytes) -> list[bytes]:
    """Return the 32 bytes of each record's digest."""
    return [entries[start : start + DIGEST_BYTES] for start in range(0, len(entries), ENTRY_BYTES)]


def kind_of(entry: bytes) -> RecordKind:
    """Return the kind of a record by its entry.

    Raises:
        BadIndex: there is no such kind.
    """
    return parse_place(entry[DIGEST_BYTES:])[4]


def split_entries(entries: bytes, position: int = 0) -> list[bytes]:
    """Return the entries of a pack one by one, for an index that has the pack at a position."""
    if position:
        moved = bytearray(entries)
        for at, byte in enumerate(position.to_bytes(4, "little"), PACK_IN_ENTRY):
            moved[at::ENTRY_BYTES] = bytes([byte]) * (len(entries) // ENTRY_BYTES)
        entries = bytes(moved)
    return [entries[start : start + ENTRY_BYTES] for start in range(0, len(entries), ENTRY_BYTES)]
