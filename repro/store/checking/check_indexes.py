"""Pack indexes held against the packs: every entry must name a record that is there, and what it says of it."""

from __future__ import annotations

import bisect
import contextlib
from array import array
from collections.abc import Callable, Iterator, Mapping

from repro.model.dataclass import dataclass
from repro.model.digest import Digest, digest_from
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex, PackFile, Place
from repro.model.packs.pack_places import place_bytes, place_pack
from repro.store.checking.check_pack import CheckedPack, SoundRecord


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An entry that no sound record confirms: which index has it, of what object, and where that should be.

    `place` is None where the entry says what cannot be; then `problem` says it.
    """

    index: str
    digest: Digest
    place: Place | None
    problem: str = ""


def check_order(index: PackIndex) -> None:
    """Look whether the digests are sorted.

    Raises:
        BadIndex: they are not.
    """
    last = b""
    for digest, _ in index.raw_entries():
        if digest <= last:
            raise BadIndex("the index is not sorted")
        last = digest


class IndexCheck:
    """The indexes of one place, with a byte for each entry: whether a sound record was seen for it."""

    def __init__(self, indexes: Mapping[str, PackIndex]) -> None:
        """Take the indexes that can be read, by their names."""
        self._indexes = dict(indexes)
        self._seen = {name: bytearray(index.count) for name, index in indexes.items()}
        self._positions = {
            name: {pack.digest: at for at, pack in enumerate(index.packs)} for name, index in indexes.items()
        }
        self.lengths = {pack.digest: pack.length for index in indexes.values() for pack in index.packs}
        """Of each pack that is named, the bytes that it should have."""

    def confirm(self, checked: CheckedPack) -> Iterator[tuple[SoundRecord, bool]]:
        """Yield a pack's sound records, each with whether an index names it where it is.

        What an index says of a longer or shorter pack of that name counts here: its records are there.
        """
        about = [
            (index, self._seen[name], self._positions[name][checked.pack.digest])
            for name, index in self._indexes.items()
            if checked.pack.digest in self._positions[name]
        ]
        for record in checked.records():
            named = False
            for index, seen, pack in about:
                position = index.position(digest_from(record.digest))
                if position is None:
                    continue
                place = place_bytes(pack, record.offset, record.size, record.stored, record.kind)
                if index.raw_place(position) == place:
                    seen[position] = 1
                    named = True
            yield record, named

    def after(self, pack: PackFile) -> Callable[[int], int | None]:
        """Return who says where the next record of a pack begins after an offset, as far as indexes know."""
        offsets: array[int] | None = None

        def find(offset: int) -> int | None:
            nonlocal offsets
            if offsets is None:
                offsets = array("Q", sorted(place.offset for _, place in self.named_in(pack)))
            at = bisect.bisect_right(offsets, offset)
            return offsets[at] if at < len(offsets) else None

        return find

    def named_in(self, pack: PackFile) -> Iterator[tuple[Digest, Place]]:
        """Yield what indexes say of a pack of this name; what cannot be is left out."""
        for name, index in self._indexes.items():
            if pack.digest not in self._positions[name]:
                continue
            numbers = {number for number, one in enumerate(index.packs) if one.digest == pack.digest}
            for position, (digest, place) in enumerate(index.raw_entries()):
                with contextlib.suppress(BadIndex):
                    if place_pack(place, len(index.packs)) in numbers:
                        yield digest_from(digest), index.place(position)

    def unconfirmed(self) -> Iterator[Unconfirmed]:
        """Yield the entries that no sound record has confirmed."""
        for name, index in self._indexes.items():
            seen = self._seen[name]
            position = seen.find(0)
            while position >= 0:
                digest = index.digest(position)
                try:
                    yield Unconfirmed(name, digest, index.place(position))
                except BadIndex as error:
                    yield Unconfirmed(name, digest, None, error.message)
                position = seen.find(0, position + 1)
