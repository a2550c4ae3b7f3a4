"""What a pack index is made of. Specified in `docs/reference/format.md`, section "Pack index"."""

from __future__ import annotations

import struct
from typing import NamedTuple, Protocol

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack import MAX_PACK, RecordKind

INDEX_HEADER = b"repro-index 1\0\0\0"

INDEX_COUNTS = struct.Struct("<IIQ32x")  # packs, fan-out bits, entries
INDEX_PACK = struct.Struct("<32sQ")
PLACE = struct.Struct("<QQIIB3x")
"""Of an entry: offset, size, stored, pack, kind."""

PACK_AND_KIND = struct.Struct("<IB")
"""Of a place."""
PACK_AT = 20
"""Where they are in it."""
DIGEST_BYTES = 32
PLACE_BYTES = PLACE.size
ENTRY_BYTES = DIGEST_BYTES + PLACE_BYTES
"""Of a digest joined with its place: what `encode_entries` takes."""

PACK_IN_ENTRY = DIGEST_BYTES + PACK_AT
"""Where the four bytes of the pack's position are in it."""

KINDS = tuple(RecordKind)
"""By their numbers; calling the class takes ten times as long."""


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


class IndexBytes(Protocol):
    """The bytes of an index: of a `bytes`, a memory map, or a file, of which a part is read when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


def pack_file(digest: bytes, length: int) -> PackFile:
    """Return a pack as an index lists it.

    Raises:
        BadIndex: it is longer than one can be.
    """
    if length > MAX_PACK:
        raise BadIndex(f"the index names a pack of {length} bytes, more than one has")
    return PackFile(Digest("b3:" + digest.hex()), length)


def header_problem(start: bytes) -> str:
    """Say what is wrong with the first bytes of what should be an index."""
    if start.startswith(b"repro-index "):
        return "the index has another format version than this repro reads (1)"
    return "the file is not an index"
