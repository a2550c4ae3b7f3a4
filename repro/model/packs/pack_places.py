"""Where an object is, as the bytes that an index has of it. Specified in `docs/reference/format.md`, "Pack index"."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index_format import KINDS, PLACE, BadIndex


def place_bytes(pack: int, offset: int, size: int, stored: int, kind: RecordKind) -> bytes:
    """Return a place as it stands in an index; `pack` is the pack's position in the index's list."""
    return PLACE.pack(offset, size, stored, pack, kind)


def parse_place(place: bytes) -> tuple[int, int, int, int, RecordKind]:
    """Return what `place_bytes` was given.

    Raises:
        BadIndex: it names a kind that there is not.
    """
    offset, size, stored, pack, kind = PLACE.unpack(place)
    if kind >= len(KINDS):
        raise BadIndex("the index names a kind that there is not")
    return pack, offset, size, stored, KINDS[kind]


def place_pack(place: bytes, packs: int) -> int:
    """Return the position of a place's pack among the index's `packs`.

    Raises:
        BadIndex: it names a pack that there is not.
    """
    position = int(PLACE.unpack(place)[3])
    if position >= packs:
        raise BadIndex("the index names a pack that there is not")
    return position


def place_size(place: bytes) -> int:
    """Return the length of a place's object in bytes, as the index says it."""
    return int(PLACE.unpack(place)[1])


def moved_place(place: bytes, positions: Sequence[int]) -> bytes:
    """Return a place for another list of packs: `positions` gives the new position of each old one."""
    offset, size, stored, pack, kind = PLACE.unpack(place)
    return PLACE.pack(offset, size, stored, positions[pack], kind)
