"""Which entries of pack indexes are wanted: a byte each, so that a million objects are a megabyte."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from repro.model.digest import Digest
from repro.model.pack import HEAD_BYTES
from repro.model.pack_index import PackFile, PackIndex, Place

_WANTED, _TREE = 1, 2
_OFFSET_BITS = 40  # `MAX_PACK`
_ENTRY_BITS = 40


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
        self._bases = [0, *itertools.accumulate(index.count for index in indexes)][:-1]

    def mark(self, digest: Digest, usable: Callable[[Place], bool], is_tree: bool = False) -> tuple[Place, bool] | None:
        """Mark the first usable place of an object; return it, and whether it is marked for the first time.

        Raises:
            BadIndex: an index says what cannot be.
        """
        for index, marks in zip(self._indexes, self._marks, strict=True):
            position = index.position(digest)
            if position is None:
                continue
            place = index.place(position)
            if usable(place):
                fresh = not marks[position]
                marks[position] |= _TREE if is_tree else _WANTED
                return place, fresh
        return None

    def by_pack(self) -> Iterator[tuple[PackFile, list[Marked]]]:
        """Yield each pack that something is wanted from, with what that is in the order of the pack."""
        keys, packs = self._sorted()
        for pack, group in itertools.groupby(keys, lambda key: key >> (_OFFSET_BITS + _ENTRY_BITS)):
            yield packs[pack], self._marked([key & ((1 << _ENTRY_BITS) - 1) for key in group])

    def _sorted(self) -> tuple[list[int], list[PackFile]]:
        """Return pack, offset and entry of each mark in one number, sorted: a tuple would be three times as large."""
        packs: dict[PackFile, int] = {}
        keys = []
        for index, marks, base in zip(self._indexes, self._marks, self._bases, strict=True):
            for position in _set_positions(marks):
                file, offset = index.pack_and_offset(position)
                pack = packs.setdefault(file, len(packs))
                keys.append(((pack << _OFFSET_BITS | offset) << _ENTRY_BITS) | base + position)
        keys.sort()
        return keys, list(packs)

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
