"""Many objects looked up in a pack index at once: in the order of their digests, what lies together is read together.

A lookup alone reads what it needs, and of a long index that lies in a file each read is a call of the kernel's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import DIGEST_BYTES, Place

BATCH = 32_768
"""Objects that are looked up together: some five megabytes while they are."""

_SPAN = 8_192
"""Entries that are read at once, half a megabyte."""
_FEW = 16
"""Objects to a span, below which each is looked up alone: most of what would be read is nobody's."""
_CROWDED = 4
"""Entries to an object up to which all of them are noted: to search for each object takes as long as that."""


def look_up(index: PackIndex, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int, Place]]:
    """Yield those objects that an index names, the position of each (as `PackIndex.position`), and where it is.

    Args:
        index: any.
        wanted: the 32 bytes of each digest, sorted, none twice.

    Raises:
        BadIndex: the index says what cannot be.
    """
    if not wanted or not index.count:
        return
    step = _SPAN * len(wanted) // index.count
    if step < _FEW:
        yield from _one_by_one(index, wanted)
        return
    for start in range(0, len(wanted), step):
        yield from _in_one_read(index, wanted[start : start + step])


def look_up_in(
    indexes: Iterable[PackIndex], wanted: Sequence[bytes], usable: Callable[[bytes, Place], bool]
) -> Iterator[tuple[bytes, int, int, Place]]:
    """Yield of each object the first place that may be taken: its index by number, and as `look_up`; in any order.

    Args:
        indexes: are asked in turn.
        wanted: as of `look_up`.
        usable: whether an object may be taken from a place.

    Raises:
        BadIndex: an index says what cannot be.
    """
    for number, index in enumerate(indexes):
        found = set[bytes]()
        for digest, position, place in look_up(index, wanted):
            if usable(digest, place):
                found.add(digest)
                yield digest, number, position, place
        if found:
            wanted = [digest for digest in wanted if digest not in found]


def _one_by_one(index: PackIndex, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int, Place]]:
    for digest in wanted:
        position = index.position_of(digest)
        if position is not None:
            yield digest, position, index.place(position)


def _in_one_read(index: PackIndex, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int, Place]]:
    first, end = index.bounds(wanted[0])[0], index.bounds(wanted[-1])[1]
    if end - first > 4 * _SPAN:  # digests that begin alike: not what hashing gives
        yield from _one_by_one(index, wanted)
        return
    search = _by_all if end - first <= _CROWDED * len(wanted) else _by_each
    found = search(index, first, end, wanted)
    yield from zip(found, found.values(), index.places_at(list(found.values())), strict=True)


def _by_all(index: PackIndex, first: int, end: int, wanted: Sequence[bytes]) -> dict[bytes, int]:
    digests = index.digests_between(first, end)
    starts = range(0, len(digests), DIGEST_BYTES)
    positions = {digests[at : at + DIGEST_BYTES]: number for number, at in enumerate(starts, first)}
    return {digest: positions[digest] for digest in wanted if digest in positions}


def _by_each(index: PackIndex, first: int, end: int, wanted: Sequence[bytes]) -> dict[bytes, int]:
    digests = index.digests_between(first, end)
    find, found = digests.find, dict[bytes, int]()
    for digest in wanted:
        lowest, highest = index.bounds(digest)
        at = find(digest, (lowest - first) * DIGEST_BYTES, (highest - first) * DIGEST_BYTES)
        if at >= 0:
            # Else the same bytes were met across two digests.
            position = index.position_of(digest) if at % DIGEST_BYTES else first + at // DIGEST_BYTES
            if position is not None:
                found[digest] = position
    return found
