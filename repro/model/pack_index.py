"""A pack index: which object lies where in which pack. Specified in `docs/reference/format.md`, section "Pack index".

An index is used where it lies, in a buffer or a memory map: nothing is built from it.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.pack import HEAD_BYTES, MAX_PACK, MAX_RECORD, PACK_HEADER, RecordKind

INDEX_HEADER = b"repro-index 1\0\0\0"

INDEX_COUNTS = struct.Struct("<IIQ32x")  # packs, fan-out bits, entries
INDEX_PACK = struct.Struct("<32sQ")
_PLACE = struct.Struct("<QQIIB3x")  # offset, size, stored, pack, kind
_PACK_AND_KIND = struct.Struct("<IB")  # of a place
_PACK_AT = 20  # where they are in it
_PREFIX = struct.Struct(">I28x")  # of a digest
_END = struct.Struct("<I")
_ENDS = struct.Struct("<II")  # of one fan-out entry and the next
_READ_AT_ONCE = 2_048  # entries, an eighth of a megabyte
_MAX_BITS = 24
DIGEST_BYTES = 32
_PLACE_BYTES = _PLACE.size
ENTRY_BYTES = DIGEST_BYTES + _PLACE_BYTES
"""Of a digest joined with its place: what `encode_entries` takes."""

PACK_IN_ENTRY = DIGEST_BYTES + _PACK_AT
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


def parse_place(place: bytes) -> tuple[int, int, int, int, RecordKind]:
    """Return what `place_bytes` was given.

    Raises:
        BadIndex: it names a kind that there is not.
    """
    offset, size, stored, pack, kind = _PLACE.unpack(place)
    if kind > _LAST_KIND:
        raise BadIndex("the index names a kind that there is not")
    return pack, offset, size, stored, _KINDS[kind]


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
        start = len(INDEX_HEADER) + INDEX_COUNTS.size
        if len(data) < start:
            raise BadIndex("the index is cut off")
        packs, bits, self.count = INDEX_COUNTS.unpack_from(data, len(INDEX_HEADER))
        if bits > _MAX_BITS:
            raise BadIndex(f"the index has {bits} fan-out bits, more than {_MAX_BITS}")
        self._shift = 32 - bits
        self._fan_out = start + packs * INDEX_PACK.size
        self._digests: int = self._fan_out + 4 * (1 << bits)
        self._places = self._digests + self.count * DIGEST_BYTES
        if len(data) != self._places + self.count * _PLACE.size:
            raise BadIndex(f"the index has {len(data)} bytes, and declares another number of entries")
        self.packs = tuple(_pack_file(*INDEX_PACK.unpack_from(data, start + i * INDEX_PACK.size)) for i in range(packs))

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
            digest, bucket = digests[DIGEST_BYTES * number : DIGEST_BYTES * number + DIGEST_BYTES], prefix >> shift
            first, end = ends(data, fan_out + 4 * bucket) if bucket else self._ends(0)
            at = find(digest, start + first * DIGEST_BYTES, start + end * DIGEST_BYTES)
            found: int | None = (at - start) // DIGEST_BYTES if at >= 0 else None
            if not first <= end <= count or (at >= 0 and (at - start) % DIGEST_BYTES):
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
        for start in range(0, self.count, _READ_AT_ONCE):
            count = min(_READ_AT_ONCE, self.count - start)
            at, where = self._digests + start * DIGEST_BYTES, self._places + start * _PLACE_BYTES
            digests = self._data[at : at + count * DIGEST_BYTES]
            places = self._data[where : where + count * _PLACE_BYTES]
            self.trim()  # the kernel maps two megabytes where one byte is read, and dozens are read side by side
            for number in range(count):
                at, where = number * DIGEST_BYTES, number * _PLACE_BYTES
                yield digests[at : at + DIGEST_BYTES], places[where : where + _PLACE_BYTES]

    def trim(self) -> None:
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
        start, stop = self._digests + first * DIGEST_BYTES, self._digests + end * DIGEST_BYTES
        while (at := int(self._data.find(wanted, start, stop))) >= 0:
            if not (at - self._digests) % DIGEST_BYTES:
                return (at - self._digests) // DIGEST_BYTES
            start = at + 1  # the same bytes across two digests
        return None

    def _ends(self, bucket: int) -> tuple[int, int]:
        if not bucket:
            return 0, _END.unpack_from(self._data, self._fan_out)[0]
        return _ENDS.unpack_from(self._data, self._fan_out + 4 * bucket - 4)

    def digest(self, position: int) -> Digest:
        """Return the object of an entry."""
        at = self._digests + position * DIGEST_BYTES
        return Digest("b3:" + self._data[at : at + DIGEST_BYTES].hex())

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
            at = digests + DIGEST_BYTES * position
            yield (
                Digest("b3:" + data[at : at + DIGEST_BYTES].hex()),
                place(*unpack(data, places + _PLACE_BYTES * position)),
            )

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
