"""A pack index: which object lies where in which pack. Specified in `docs/reference/format.md`, section "Pack index".

An index is used where it lies, in a buffer or a memory map: nothing is built from it.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from repro.errors import IntegrityError
from repro.model.digest import Digest
from repro.model.pack import HEAD_BYTES, MAX_PACK, MAX_RECORD, PACK_HEADER, RecordKind

INDEX_HEADER = b"repro-index 1\0\0\0"
PREFIXES = 1 << 16
"""How many prefixes a writer counts digests by: their first two bytes."""

_COUNTS = struct.Struct("<IIQ32x")  # packs, fan-out bits, entries
_PACK = struct.Struct("<32sQ")
_PLACE = struct.Struct("<QQIIB3x")  # offset, size, stored, pack, kind
_PACK_AND_KIND = struct.Struct("<IB")  # of a place
_PACK_AT = 20  # where they are in it
_PREFIX = struct.Struct(">I28x")  # of a digest
_END = struct.Struct("<I")
_ENDS = struct.Struct("<II")  # of one fan-out entry and the next
_TRIM_AFTER = 16_384  # entries, a megabyte
_PER_BUCKET_BITS = 3  # about eight digests to a fan-out entry: one short search tells
_MAX_BITS = 24
_DIGEST = 32
_PLACE_BYTES = _PLACE.size
ENTRY_BYTES = _DIGEST + _PLACE_BYTES
"""Of a digest joined with its place: what `encode_entries` takes."""

PACK_IN_ENTRY = _DIGEST + _PACK_AT
"""Where the four bytes of the pack's position are in it."""

_FIRST_OFFSET = len(PACK_HEADER)
_KINDS = tuple(RecordKind)  # by their numbers; calling the class takes ten times as long
_LAST_KIND, _RAW, _CHUNKS = len(_KINDS) - 1, int(RecordKind.RAW), int(RecordKind.CHUNKS)


class BadIndex(IntegrityError):
    """Bytes that should be a pack index are not."""

    id = "bad-index"


@dataclass(frozen=True, slots=True)
class PackFile:
    """A pack by its digest and its length in bytes."""

    digest: Digest
    length: int


class Place(NamedTuple):
    """Where a record is: `offset` is where its head begins, `stored` its payload's bytes, `size` the object's.

    A tuple, which is made in a third of a dataclass's time: a push or a fetch makes one for each object.
    """

    pack: PackFile
    offset: int
    size: int
    stored: int
    kind: RecordKind


def place_bytes(pack: int, offset: int, size: int, stored: int, kind: RecordKind) -> bytes:
    """Return a place as it stands in an index; `pack` is the pack's position in the index's list."""
    return _PLACE.pack(offset, size, stored, pack, kind)


def index_start(packs: Sequence[PackFile], counts: Sequence[int]) -> bytes:
    """Return an index up to its first digest. All digests, sorted, follow it, and then all places, in that order.

    Args:
        packs: the packs that the places name by their positions.
        counts: of `PREFIXES` numbers, how many digests begin with these two bytes (big-endian).
    """
    total = sum(counts)
    bits = max(0, min(16, total.bit_length() - _PER_BUCKET_BITS))
    step = PREFIXES >> bits
    ends = list(itertools.islice(itertools.accumulate(counts), step - 1, None, step))
    return b"".join(
        [
            INDEX_HEADER,
            _COUNTS.pack(len(packs), bits, total),
            *(_PACK.pack(bytes.fromhex(pack.digest[3:]), pack.length) for pack in packs),
            struct.pack(f"<{len(ends)}I", *ends),
        ]
    )


def parse_place(place: bytes) -> tuple[int, int, int, int, RecordKind]:
    """Return what `place_bytes` was given.

    Raises:
        BadIndex: it names a kind that there is not.
    """
    offset, size, stored, pack, kind = _PLACE.unpack(place)
    if kind > _LAST_KIND:
        raise BadIndex("the index names a kind that there is not")
    return pack, offset, size, stored, _KINDS[kind]


def encode_index(packs: Sequence[PackFile], entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return an index that is small enough to be held in memory.

    Args:
        packs: the packs it names.
        entries: each object's digest (32 bytes) and its `place_bytes`, in any order, no digest twice.
    """
    return encode_entries(packs, [digest + place for digest, place in entries])


def encode_entries(packs: Sequence[PackFile], entries: list[bytes]) -> bytes:
    """As `encode_index`, of digests joined with their places, `ENTRY_BYTES` each; the list is sorted by this. Of
    several entries of one digest the first is taken.
    """
    entries.sort()
    digests = [entry[:_DIGEST] for entry in entries]
    if len(set(digests)) != len(digests):
        firsts = [at for at, digest in enumerate(digests) if not at or digest != digests[at - 1]]
        entries, digests = [entries[at] for at in firsts], [digests[at] for at in firsts]
    counts = [0] * PREFIXES
    for digest in digests:
        counts[digest[0] << 8 | digest[1]] += 1
    return b"".join([index_start(packs, counts), *digests, *(entry[_DIGEST:] for entry in entries)])


class PackIndex:
    """An index in a buffer, which is trusted for nothing: what it says is bounded here and compared with the pack."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        """Take an index's bytes.

        Raises:
            BadIndex: they are none, of a newer version, or not of the length that they declare.
        """
        self._data = data
        if data[: len(INDEX_HEADER)] != INDEX_HEADER:
            raise BadIndex(_header_problem(data[:16]))
        start = len(INDEX_HEADER) + _COUNTS.size
        if len(data) < start:
            raise BadIndex("the index is cut off")
        packs, bits, self.count = _COUNTS.unpack_from(data, len(INDEX_HEADER))
        if bits > _MAX_BITS:
            raise BadIndex(f"the index has {bits} fan-out bits, more than {_MAX_BITS}")
        self._shift = 32 - bits
        self._fan_out = start + packs * _PACK.size
        self._digests: int = self._fan_out + 4 * (1 << bits)
        self._places = self._digests + self.count * _DIGEST
        if len(data) != self._places + self.count * _PLACE.size:
            raise BadIndex(f"the index has {len(data)} bytes, and declares another number of entries")
        self.packs = tuple(_pack_file(*_PACK.unpack_from(data, start + i * _PACK.size)) for i in range(packs))

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
        data, find, ends, count = self._data, self._data.find, _ENDS.unpack_from, self.count
        fan_out, shift, start, packs = self._fan_out - 4, self._shift, self._digests, self._places + _PACK_AT
        left, answers = bytearray(), dict[bytes, bool]()
        # As `_position`, without a call for each: every `add` asks for all files of the directories it looks at.
        for number, (prefix,) in enumerate(_PREFIX.iter_unpack(digests)):
            digest, bucket = digests[_DIGEST * number : _DIGEST * number + _DIGEST], prefix >> shift
            first, end = ends(data, fan_out + 4 * bucket) if bucket else self._ends(0)
            at = find(digest, start + first * _DIGEST, start + end * _DIGEST)
            found: int | None = (at - start) // _DIGEST if at >= 0 else None
            if not first <= end <= count or (at >= 0 and (at - start) % _DIGEST):
                found = self._position(digest)  # a table out of order, or the same bytes across two digests
            if found is not None:
                where = packs + found * _PLACE.size
                answer = data[where : where + _PACK_AND_KIND.size]
                if answer not in answers:
                    answers[answer] = self._is_object_in(answer, keeps)
                if answers[answer]:
                    continue
            left += digest
        return bytes(left)

    def _is_object_in(self, answer: bytes, keeps: Callable[[PackFile], bool]) -> bool:
        """Whether pack and kind, as a place has them, are an object's in a pack that is there."""
        pack, kind = _PACK_AND_KIND.unpack(answer)
        return pack < len(self.packs) and kind != RecordKind.CHUNKS and keeps(self.packs[pack])

    def raw_entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every object's 32 bytes of digest with its place as it stands here, in the order of the digests."""
        for position in range(self.count):
            if not position % _TRIM_AFTER:
                self._trim()
            at = self._digests + position * _DIGEST
            where = self._places + position * _PLACE.size
            yield self._data[at : at + _DIGEST], self._data[where : where + _PLACE.size]

    def _trim(self) -> None:
        """Let the kernel take what was read of a map out of this process's memory; it is read again where needed."""
        if isinstance(self._data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED)

    def position(self, digest: Digest) -> int | None:
        """Return which of the sorted entries (from 0) is the object's, None where this index does not name it.

        Raises:
            BadIndex: it says what cannot be.
        """
        return self._position(bytes.fromhex(digest[3:]))

    def _position(self, wanted: bytes) -> int | None:
        bucket = int.from_bytes(wanted[:4], "big") >> self._shift
        first, end = self._ends(bucket)
        if not first <= end <= self.count:
            raise BadIndex("the index's fan-out table is not in order")
        start, stop = self._digests + first * _DIGEST, self._digests + end * _DIGEST
        while (at := int(self._data.find(wanted, start, stop))) >= 0:
            if not (at - self._digests) % _DIGEST:
                return (at - self._digests) // _DIGEST
            start = at + 1  # the same bytes across two digests
        return None

    def _ends(self, bucket: int) -> tuple[int, int]:
        if not bucket:
            return 0, _END.unpack_from(self._data, self._fan_out)[0]
        return _ENDS.unpack_from(self._data, self._fan_out + 4 * bucket - 4)

    def digest(self, position: int) -> Digest:
        """Return the object of an entry."""
        at = self._digests + position * _DIGEST
        return Digest("b3:" + self._data[at : at + _DIGEST].hex())

    def pack_of(self, position: int) -> PackFile:
        """Return in which pack the object of an entry is; as `place`, which checks the rest as well."""
        where = self._places + position * _PLACE.size + _PACK_AT
        pack, _ = _PACK_AND_KIND.unpack_from(self._data, where)
        if pack >= len(self.packs):
            raise BadIndex("the index names a pack that there is not")
        file: PackFile = self.packs[pack]
        return file

    def raw_place(self, position: int) -> bytes:
        """Return the 28 bytes that say where the object of an entry is, unchecked; compare `place_bytes`."""
        where = self._places + position * _PLACE.size
        return bytes(self._data[where : where + _PLACE.size])

    def place(self, position: int) -> Place:
        """Return where the object of an entry is.

        Raises:
            BadIndex: it says what cannot be.
        """
        return self._place(*_PLACE.unpack_from(self._data, self._places + position * _PLACE.size))

    def objects(self, positions: Iterable[int]) -> Iterator[tuple[Digest, Place]]:
        """Yield the objects of entries, and where each is; as `digest` and `place`, in less time.

        Raises:
            BadIndex: it says what cannot be.
        """
        data, digests, places, place, unpack = self._data, self._digests, self._places, self._place, _PLACE.unpack_from
        for position in positions:
            at = digests + _DIGEST * position
            yield Digest("b3:" + data[at : at + _DIGEST].hex()), place(*unpack(data, places + _PLACE_BYTES * position))

    def _place(self, offset: int, size: int, stored: int, pack: int, kind: int) -> Place:
        if pack >= len(self.packs) or kind > _LAST_KIND:
            raise BadIndex("the index names a pack or a kind that there is not")
        file = self.packs[pack]
        if offset < _FIRST_OFFSET or offset + HEAD_BYTES + stored > file.length:
            raise BadIndex("the index names a place outside its pack")
        too_long = kind != _CHUNKS and (size > MAX_RECORD or stored > MAX_RECORD)
        if too_long or (kind == _RAW and size != stored):
            raise BadIndex(f"the index names a record of {size} bytes in {stored}, which cannot be")
        return Place(file, offset, size, stored, _KINDS[kind])


def place_pack(place: bytes, packs: int) -> int:
    """Return the position of a place's pack among the index's `packs`.

    Raises:
        BadIndex: it names a pack that there is not.
    """
    position = int(_PLACE.unpack(place)[3])
    if position >= packs:
        raise BadIndex("the index names a pack that there is not")
    return position


def moved_place(place: bytes, positions: Sequence[int]) -> bytes:
    """Return a place for another list of packs: `positions` gives the new position of each old one."""
    offset, size, stored, pack, kind = _PLACE.unpack(place)
    return _PLACE.pack(offset, size, stored, positions[pack], kind)


def _pack_file(digest: bytes, length: int) -> PackFile:
    if length > MAX_PACK:
        raise BadIndex(f"the index names a pack of {length} bytes, more than one has")
    return PackFile(Digest("b3:" + digest.hex()), length)


def _header_problem(start: bytes) -> str:
    if start.startswith(b"repro-index "):
        return "the index has another format version than this repro reads (1)"
    return "the file is not an index"
