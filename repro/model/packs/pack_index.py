"""A pack index: which object lies where in which pack. Specified in `docs/reference/format.md`, section "Pack index".

An index is used where it lies, in memory or in a file: but for its fan-out table nothing is built from it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES, MAX_RECORD, PACK_HEADER, RecordKind
from repro.model.packs.pack_index_format import (
    DIGEST_BYTES,
    ENTRY_BYTES,
    INDEX_COUNTS,
    INDEX_HEADER,
    INDEX_PACK,
    KINDS,
    PACK_AND_KIND,
    PACK_AT,
    PACK_IN_ENTRY,
    PLACE,
    PLACE_BYTES,
    BadIndex,
    IndexBytes,
    PackFile,
    Place,
    header_problem,
    pack_file,
)

_PREFIX = struct.Struct(">I28x")  # of a digest
_ENDS = struct.Struct("<II")  # of one fan-out entry and the next
_READ_AT_ONCE = 2_048  # entries, an eighth of a megabyte
_LOOKED_THROUGH = 256
"""Entries below which all that a fan-out entry speaks of is read; of more, the middle is asked first."""

_MAX_BITS = 24
_HELD_BITS = 16
"""As many as a writer has at the most: then the fan-out table is held, a quarter of a megabyte."""

_FIRST_OFFSET = len(PACK_HEADER)
_RAW, _CHUNKS = int(RecordKind.RAW), int(RecordKind.CHUNKS)


class PackIndex:
    """An index, which is trusted for nothing: what it says is bounded here and compared with the pack."""

    def __init__(self, data: IndexBytes) -> None:
        """Take an index's bytes.

        Raises:
            BadIndex: they are none, of a newer version, or not of the length that they declare.
        """
        self._data = data
        if data[: len(INDEX_HEADER)] != INDEX_HEADER:
            raise BadIndex(header_problem(data[:16]))
        start = len(INDEX_HEADER) + INDEX_COUNTS.size
        if len(data) < start:
            raise BadIndex("the index is cut off")
        packs, bits, self.count = INDEX_COUNTS.unpack(data[len(INDEX_HEADER) : start])
        if bits > _MAX_BITS:
            raise BadIndex(f"the index has {bits} fan-out bits, more than {_MAX_BITS}")
        self._bits = bits
        self._shift = 32 - bits
        self._fan_out = start + packs * INDEX_PACK.size
        self._held_fan_out = b""
        self._digests: int = self._fan_out + 4 * (1 << bits)
        self._places = self._digests + self.count * DIGEST_BYTES
        if len(data) != self._places + self.count * PLACE.size:
            raise BadIndex(f"the index has {len(data)} bytes, and declares another number of entries")
        self.packs = tuple(pack_file(*pack) for pack in INDEX_PACK.iter_unpack(data[start : self._fan_out]))

    def find(self, digest: Digest) -> Place | None:
        """Return where the object is, None where this index does not name it.

        Raises:
            BadIndex: it says what cannot be.
        """
        position = self.position(digest)
        return None if position is None else self.place(position)

    def has(self, digest: Digest) -> bool:
        """Whether the index names the object."""
        return self.position(digest) is not None

    def without(self, digests: bytes, keeps: Callable[[PackFile], bool]) -> bytes:
        """Return those of the digests (32 bytes each) that are in no pack of this index.

        Args:
            digests: of objects.
            keeps: whether a pack is there; asked once for each that is concerned.

        Raises:
            BadIndex: it says what cannot be.
        """
        data, digest_at, pack_at = self._data, self._digests, self._places + PACK_AT
        left, answers = bytearray(), dict[bytes, bool]()
        # As `position_of`, without a call for each: every `add` asks for all files of the directories it looks at.
        fan_out, shift, unpack = self._fan_out_table(), self._shift, _ENDS.unpack_from
        for number, (prefix,) in enumerate(_PREFIX.iter_unpack(digests)):
            digest, bucket = digests[DIGEST_BYTES * number : DIGEST_BYTES * number + DIGEST_BYTES], prefix >> shift
            first, end = unpack(fan_out, 4 * bucket) if fan_out else self._ends(bucket)
            if 0 <= end - first <= _LOOKED_THROUGH:
                at = data[digest_at + first * DIGEST_BYTES : digest_at + end * DIGEST_BYTES].find(digest)
                found: int | None = first + at // DIGEST_BYTES if at >= 0 else None
            else:
                at, found = 0, self.position_of(digest)
            if end > self.count or (at > 0 and at % DIGEST_BYTES):
                found = self.position_of(digest)  # a table out of order, or the same bytes across two digests
            if found is not None:
                where = pack_at + found * PLACE.size
                answer = data[where : where + PACK_AND_KIND.size]
                if answer not in answers:
                    answers[answer] = self._is_object_in(answer, keeps)
                if answers[answer]:
                    continue
            left += digest
        return bytes(left)

    def _is_object_in(self, answer: bytes, keeps: Callable[[PackFile], bool]) -> bool:
        """Whether pack and kind, as a place has them, are an object's in a pack that is there."""
        pack, kind = PACK_AND_KIND.unpack(answer)
        return pack < len(self.packs) and kind != RecordKind.CHUNKS and keeps(self.packs[pack])

    def raw_entries(self, at_once: int = _READ_AT_ONCE) -> Iterator[tuple[bytes, bytes]]:
        """Yield every object's 32 bytes of digest with its place as it stands here, in the order of the digests; some
        entries are read at once."""
        for start in range(0, self.count, at_once):
            digests, places = self._entries(start, at_once)
            for number in range(len(digests) // DIGEST_BYTES):
                at, where = number * DIGEST_BYTES, number * PLACE_BYTES
                yield digests[at : at + DIGEST_BYTES], places[where : where + PLACE_BYTES]

    def _entries(self, start: int, at_once: int = _READ_AT_ONCE) -> tuple[bytes, bytes]:
        """Return the digests and the places of some entries."""
        end = min(self.count, start + at_once)
        places = self._data[self._places + start * PLACE_BYTES : self._places + end * PLACE_BYTES]
        return self.digests_between(start, end), places

    def position(self, digest: Digest) -> int | None:
        """Return which of the sorted entries (from 0) is the object's, None where this index does not name it.

        Raises:
            BadIndex: it says what cannot be.
        """
        return self.position_of(bytes.fromhex(digest[3:]))

    def position_of(self, wanted: bytes) -> int | None:
        """As `position`, by the 32 bytes of the digest."""
        bucket, table = int.from_bytes(wanted[:4], "big") >> self._shift, self._held_fan_out
        first, end = _ENDS.unpack_from(table, 4 * bucket) if table else self._ends(bucket)
        if not first <= end <= self.count:
            raise BadIndex("the index's fan-out table is not in order")
        while end - first > _LOOKED_THROUGH:
            middle = (first + end) // 2
            at = self._digests + middle * DIGEST_BYTES
            first, end = (middle, end) if self._data[at : at + DIGEST_BYTES] <= wanted else (first, middle)
        start = self._digests + first * DIGEST_BYTES
        digests = self._data[start : start + (end - first) * DIGEST_BYTES]
        at = digests.find(wanted)
        while at > 0 and at % DIGEST_BYTES:
            at = digests.find(wanted, at + 1)  # those were the same bytes across two digests
        return None if at < 0 else first + at // DIGEST_BYTES

    def bounds(self, digest: bytes) -> tuple[int, int]:
        """Return the first of the entries among which a digest is, and the first after them.

        Raises:
            BadIndex: it says what cannot be.
        """
        first, end = self._ends(int.from_bytes(digest[:4], "big") >> self._shift)
        if not first <= end <= self.count:
            raise BadIndex("the index's fan-out table is not in order")
        return first, end

    def digests_between(self, first: int, end: int) -> bytes:
        """Return the digests of some entries, joined."""
        return self._data[self._digests + first * DIGEST_BYTES : self._digests + end * DIGEST_BYTES]

    def places_at(self, positions: Sequence[int]) -> list[Place]:
        """Return where the objects of entries are, which are given in their order, and are read at once.

        Raises:
            BadIndex: it says what cannot be.
        """
        if not positions:
            return []
        first, place, unpack = positions[0], self._place, PLACE.unpack_from
        places = self._data[self._places + first * PLACE_BYTES : self._places + (positions[-1] + 1) * PLACE_BYTES]
        return [place(*unpack(places, (position - first) * PLACE_BYTES)) for position in positions]

    def _ends(self, bucket: int) -> tuple[int, int]:
        """Return the first entry that the fan-out says is in a bucket, and the first that is not."""
        table = self._fan_out_table()
        if table:
            return _ENDS.unpack_from(table, 4 * bucket)
        at = self._fan_out + 4 * bucket
        return _ENDS.unpack(self._data[at - 4 : at + 4] if bucket else bytes(4) + self._data[at : at + 4])

    def _fan_out_table(self) -> bytes:
        """Return the fan-out after four zero bytes, so that two numbers are the bounds of each; nothing, where it is
        longer than any writer makes it, and is not held."""
        if not self._held_fan_out and self._bits <= _HELD_BITS:
            self._held_fan_out = bytes(4) + self._data[self._fan_out : self._digests]
        return self._held_fan_out

    def digest(self, position: int) -> Digest:
        """Return the object of an entry."""
        at = self._digests + position * DIGEST_BYTES
        return Digest("b3:" + self._data[at : at + DIGEST_BYTES].hex())

    def packs_of(self, positions: Iterable[int]) -> Iterator[tuple[int, PackFile]]:
        """Yield entries, which are given in their order, each with the pack that its object is in; `place` checks the
        rest as well.

        Raises:
            BadIndex: it says what cannot be.
        """
        start, places = 0, b""
        for position in positions:
            if not 0 <= (position - start) * PLACE_BYTES < len(places):
                start, (_, places) = position, self._entries(position)
            pack, _ = PACK_AND_KIND.unpack_from(places, (position - start) * PLACE_BYTES + PACK_AT)
            if pack >= len(self.packs):
                raise BadIndex("the index names a pack that there is not")
            yield position, self.packs[pack]

    def raw_place(self, position: int) -> bytes:
        """Return the 28 bytes that say where the object of an entry is, unchecked; compare `place_bytes`."""
        where = self._places + position * PLACE.size
        return self._data[where : where + PLACE.size]

    def place(self, position: int) -> Place:
        """Return where the object of an entry is.

        Raises:
            BadIndex: it says what cannot be.
        """
        return self._place(*PLACE.unpack(self.raw_place(position)))

    def objects(self, positions: Iterable[int]) -> Iterator[tuple[Digest, Place]]:
        """Yield the objects of entries, which are given in their order, and where each is; as `digest` and `place`, in
        less time.

        Raises:
            BadIndex: it says what cannot be.
        """
        start, digests, places = 0, b"", b""
        place, unpack = self._place, PLACE.unpack_from
        for position in positions:
            at = (position - start) * DIGEST_BYTES
            if not 0 <= at < len(digests):
                start, at = position, 0
                digests, places = self._entries(position)
            yield (
                Digest("b3:" + digests[at : at + DIGEST_BYTES].hex()),
                place(*unpack(places, (position - start) * PLACE_BYTES)),
            )

    def rows(self, positions: Sequence[int]) -> bytes:
        """Return entries, which are given in their order, as digests joined with their places, `ENTRY_BYTES` each, the
        packs' positions left out (0); places are unchecked."""
        start, digests, places, rows = 0, b"", b"", bytearray()
        for position in positions:
            at, where = (position - start) * DIGEST_BYTES, (position - start) * PLACE_BYTES
            if not 0 <= at < len(digests):
                start, at, where = position, 0, 0
                digests, places = self._entries(position)
            rows += digests[at : at + DIGEST_BYTES]
            rows += places[where : where + PLACE_BYTES]
        for byte in range(PACK_IN_ENTRY, PACK_IN_ENTRY + 4):
            rows[byte::ENTRY_BYTES] = bytes(len(positions))
        return bytes(rows)

    def _place(self, offset: int, size: int, stored: int, pack: int, kind: int) -> Place:
        if pack >= len(self.packs) or kind >= len(KINDS):
            raise BadIndex("the index names a pack or a kind that there is not")
        file = self.packs[pack]
        if offset < _FIRST_OFFSET or offset + HEAD_BYTES + stored > file.length:
            raise BadIndex("the index names a place outside its pack")
        too_long = kind != _CHUNKS and (size > MAX_RECORD or stored > MAX_RECORD)
        if too_long or (kind == _RAW and size != stored):
            raise BadIndex(f"the index names a record of {size} bytes in {stored}, which cannot be")
        return Place(file, offset, size, stored, KINDS[kind])
