"""Where the records of a pack lie, as bytes: what an index says of them, 60 bytes for each, with the pack's position 0.

So a pack's records travel from one process to another, and into an index, without an object for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from repro.model.digest import Digest
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import ENTRY_BYTES, PACK_IN_ENTRY
from repro.model.packs.pack_places import parse_place, place_bytes

Spot = tuple[int, int, int, RecordKind]
"""Of a record in a pack being written: offset, the object's size, the payload's length, kind."""

_DIGEST = 32


def encode_spots(spots: Mapping[Digest, Spot]) -> bytes:
    """Return the entries of a pack's records."""
    return b"".join([bytes.fromhex(digest[3:]) + place_bytes(0, *spot) for digest, spot in spots.items()])


def decode_spots(entries: bytes) -> Iterator[tuple[Digest, Spot]]:
    """Yield the records again.

    Raises:
        BadIndex: an entry says what cannot be.
    """
    for entry in split_entries(entries):
        _, offset, size, stored, kind = parse_place(entry[_DIGEST:])
        yield Digest("b3:" + entry[:_DIGEST].hex()), (offset, size, stored, kind)


def split_entries(entries: bytes, position: int = 0) -> list[bytes]:
    """Return the entries of a pack one by one, for an index that has the pack at a position."""
    if position:
        moved = bytearray(entries)
        for at, byte in enumerate(position.to_bytes(4, "little"), PACK_IN_ENTRY):
            moved[at::ENTRY_BYTES] = bytes([byte]) * (len(entries) // ENTRY_BYTES)
        entries = bytes(moved)
    return [entries[start : start + ENTRY_BYTES] for start in range(0, len(entries), ENTRY_BYTES)]
