"""Which entries of pack indexes are wanted: a byte each, so that a million objects are a megabyte."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_batches import look_up_in
from repro.model.packs.pack_index_format import PackFile, Place
from repro.store.packs.kept_numbers import KeptNumbers

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

    def mark_all(self, wanted: Sequence[bytes], usable: Callable[[Place], bool]) -> Iterator[tuple[bytes, Place, bool]]:
        """As `mark`, of many objects in less time; yield those that have a usable place, in any order.

        Args:
            wanted: the 32 bytes of each digest, sorted, none twice.
            usable: whether a place may be taken.

        Raises:
            BadIndex: an index says what cannot be.
        """
        for digest, number, position, place in look_up_in(self._indexes, wanted, lambda _, place: usable(place)):
            marks = self._marks[number]
            fresh = not marks[position]
            marks[position] |= _WANTED
            yield digest, place, fresh

    def unmark(self, digest: bytes) -> bool:
        """Take the marks of an object away, by the 32 bytes of its digest; return whether it had any.

        Raises:
            BadIndex: an index says what cannot be.
        """
        for index, marks in self._both:
            position = index.position_of(digest)
            if position is not None and marks[position]:
                marks[position] = 0
                return True
        return False

    def by_pack(self) -> Iterator[MarkedPack]:
        """Yield each pack that something is wanted from: whoever has several in hand asks what that is when he begins
        with one."""
        entries = KeptNumbers()
        packs: dict[PackFile, int] = {}
        for index, marks, base in zip(self._indexes, self._marks, self._bases, strict=True):
            for position, file in index.packs_of(_set_positions(marks)):
                entries.add(packs.setdefault(file, len(packs)), base + position)
        for file, number in packs.items():
            yield MarkedPack(file, self, entries, number)

    def by_index(self, entries: Sequence[int]) -> Iterator[tuple[PackIndex, bytearray, list[int]]]:
        """Yield the indexes that entries are in, the marks on it, and which of its entries they are."""
        for number, group in itertools.groupby(entries, lambda entry: bisect.bisect_right(self._bases, entry)):
            # Of several indexes with one base all but the last are empty.
            base = self._bases[number - 1]
            yield self._indexes[number - 1], self._marks[number - 1], [entry - base for entry in group]


@dataclass(frozen=True, slots=True)
class MarkedPack:
    """A pack, and what is wanted of it, which is read when it is asked for."""

    pack: PackFile
    _marks: Marks
    _entries: KeptNumbers
    _number: int

    def records(self) -> list[Marked]:
        """Return what is wanted, in the order of the pack."""
        marked: list[Marked] = []
        for index, marks, positions in self._marks.by_index(self._entries.of(self._number)):
            found = zip(index.objects(positions), positions, strict=True)
            marked += [Marked(digest, place, bool(marks[at] & _TREE)) for (digest, place), at in found]
        return sorted(marked, key=attrgetter("place.offset"))

    def entries(self) -> tuple[bytes, bytes]:
        """Return what is wanted, as `decode_spots` takes it: what is no directory's tree, and the trees. It takes a
        tenth of the memory of `records`."""
        files, trees = [], []
        for index, marks, positions in self._marks.by_index(self._entries.of(self._number)):
            files.append(index.rows([at for at in positions if not marks[at] & _TREE]))
            trees.append(index.rows([at for at in positions if marks[at] & _TREE]))
        return b"".join(files), b"".join(trees)


def _set_positions(marks: bytearray) -> Iterator[int]:
    import re

    return (match.start() for match in re.finditer(rb"[^\0]", marks, re.DOTALL))
