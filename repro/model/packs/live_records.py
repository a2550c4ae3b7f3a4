"""Which records of packs are needed, one byte each: what a gc knows while it follows the trees."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator

from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place


@dataclass(slots=True)
class PackUse:
    """How much of a pack is needed: its bytes, how many of them are records that are needed, and how many these are."""

    length: int
    live: int = 0
    records: int = 0

    @property
    def dead(self) -> int:
        """The bytes of records that are not needed."""
        return self.length - len(PACK_HEADER) - self.live


class LiveRecords:
    """Marks over an index that names each object once: a second copy in another pack is not needed."""

    def __init__(self, index: PackIndex) -> None:
        self._index = index
        self._marks = bytearray(index.count)

    def mark(self, digest: Digest) -> Place | None:
        """Note that an object is needed.

        Returns:
            Where it is, the first time that it is noted; None later, and where the index does not name it.

        Raises:
            BadIndex: the index says what cannot be.
        """
        position = self._index.position(digest)
        if position is None or self._marks[position]:
            return None
        self._marks[position] = 1
        return self._index.place(position)

    def names(self, digest: Digest) -> bool:
        """Whether the index names the object, needed or not."""
        return self._index.position(digest) is not None

    def is_needed(self, digest: Digest) -> bool:
        """Whether the object was marked."""
        position = self._index.position(digest)
        return position is not None and bool(self._marks[position])

    def count(self) -> int:
        """Return how many objects are needed."""
        return self._marks.count(1)

    def uses(self) -> dict[PackFile, PackUse]:
        """Return how much of each pack is needed.

        Raises:
            BadIndex: the index says what cannot be.
        """
        uses = {pack: PackUse(pack.length) for pack in self._index.packs}
        for _, place in self._index.objects(self._needed()):
            use = uses[place.pack]
            use.live += HEAD_BYTES + place.stored
            use.records += 1
        return uses

    def needed_in(self, packs: Collection[PackFile]) -> Iterator[tuple[Digest, Place]]:
        """Yield what is needed of some packs, one pack after the other, in the order in which it lies in them.

        Raises:
            BadIndex: the index says what cannot be.
        """
        entries = {pack: array("I") for pack in sorted(packs, key=lambda pack: pack.digest)}
        for position, pack in self._index.packs_of(self._needed()):
            if pack in entries:
                entries[pack].append(position)
        for positions in entries.values():
            yield from sorted(self._index.objects(positions), key=lambda item: item[1].offset)

    def _needed(self) -> Iterator[int]:
        return (position for position, mark in enumerate(self._marks) if mark)
