"""Which entries of pack indexes are wanted: a byte each, so that a million objects are a megabyte."""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES
from repro.model.packs.pack_index import PackFile, PackIndex, Place

_WANTED, _TREE = 1, 2


class Marked(NamedTuple):
    """An object that is wanted from a pack, and whether it was marked as a directory's tree."""

    digest: Digest
    place: Place
    is_tree: bool

    @property
    def start(self) -> int:
        """The offset of the record's first byte in its pack."""
        return self.place.offset

    @property
    def end(self) -> int:
        """The offset after the record's last byte."""
        return self.place.offset + HEAD_BYTES + self.place.stored


class Marks:
    """Marks on the entries of some indexes."""

    def __init__(self, indexes: Sequence[PackIndex]) -> None:
        """Mark nothing yet."""
        self._indexes = indexes
        self._marks = [bytearray(index.count) for index in indexes]
        self._both = tuple(zip(self._indexes, self._marks, strict=True))
        self._bases = [0, *itertools.accumulate(index.count for index in indexes)][:-1]

    def mark(self, digest: Digest, usable: Callable[[Place], bool], is_tree: bool = False) -> tuple[Place, bool] | None:
        """Mark the first usable place of an object; return it, and whether it is marked for the first time.

        Raises:
            BadIndex: an index says what cannot be.
        """
        wanted = bytes.fromhex(digest[3:])
        for index, marks in self._both:
            position = index.position_of(wanted)
            if position is None:
                continue
            place = index.place(position)
            if usable(place):
                fresh = not marks[position]
                marks[position] |= _TREE if is_tree else _WANTED
                return place, fresh
        return None

    def by_pack(self) -> Iterator[tuple[PackFile, Callable[[], list[Marked]]]]:
        """Yield each pack that something is wanted from, and what tells what that is, in the order of the pack: whoever
        has several packs in hand asks when he begins with one."""
        for pack, entries in self._packs().items():
            yield pack, partial(self._in_order, entries)

    def _in_order(self, entries: Sequence[int]) -> list[Marked]:
        return sorted(self._marked(entries), key=attrgetter("place.offset"))

    def _packs(self) -> dict[PackFile, array[int]]:
        """Return the entries that are marked, by their packs: four bytes for each."""
        packs: dict[PackFile, array[int]] = {}
        number = "I" if sum(index.count for index in self._indexes) < 2**32 else "Q"
        for index, marks, base in zip(self._indexes, self._marks, self._bases, strict=True):
            for position, file in index.packs_of(_set_positions(marks)):
                entries = packs.get(file)
                if entries is None:
                    entries = packs[file] = array(number)
                entries.append(base + position)
        return packs

    def _marked(self, entries: Sequence[int]) -> list[Marked]:
        marked: list[Marked] = []
        for number, group in itertools.groupby(entries, lambda entry: bisect.bisect_right(self._bases, entry)):
            # Of several indexes with one base all but the last are empty.
            index, marks, base = self._indexes[number - 1], self._marks[number - 1], self._bases[number - 1]
            positions = [entry - base for entry in group]
            found = zip(index.objects(positions), positions, strict=True)
            marked += [Marked(digest, place, bool(marks[at] & _TREE)) for (digest, place), at in found]
        return marked


def _set_positions(marks: bytearray) -> Iterator[int]:
    import re

    return (match.start() for match in re.finditer(rb"[^\0]", marks, re.DOTALL))
