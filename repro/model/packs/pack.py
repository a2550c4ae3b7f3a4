"""A pack: many objects or chunks in one file. The bytes are specified in `docs/reference/format.md`, section "Pack"."""

from __future__ import annotations

import struct
from enum import IntEnum

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.digest import Digest

PACK_MAGIC = b"repro-pack 1"
PACK_HEADER = PACK_MAGIC + b"\0\0\0\0"
"""What a pack may begin with: the last four bytes may be any."""
HEAD_BYTES = 64
"""Bytes of a record before its payload."""

SMALL_LIMIT = 128 * 1024
"""Bytes up to which an object is kept in packs, here and far; a larger one is a whole file here and chunks far."""

MAX_RECORD = 2 * 1024 * 1024
"""The longest object or chunk, in bytes, that one record holds."""

MAX_CHUNK_LIST = 2**32 - 1
"""The longest payload in bytes of a chunk list: some 120 million chunks."""

PACK_SIZE = 64 * 1024 * 1024
"""Bytes at which a writer begins another pack: large enough that a million small files are few files, small enough
to be sent again whole."""

PACK_RECORDS = 8192
"""Records at which a writer begins another pack: who sends, fetches or names a pack holds notes on each of its records,
of some 400 bytes, and has several packs in hand. Files of 10 KiB fill a pack before."""

MAX_PACK = 2**40
"""The longest pack in bytes that a reader takes."""

_HEAD = struct.Struct("<B7xQQ32s")
_CHECK = struct.Struct("<Q")


class RecordKind(IntEnum):
    """What a payload is: the object's bytes, one zstd frame of them, or the list of the chunks that make it up."""

    RAW = 0
    ZSTD = 1
    CHUNKS = 2


class BadPack(IntegrityError):
    """Bytes that should be a pack, or a record in one, are not."""

    id = "bad-pack"


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What stands before a record's payload.

    `size` is the object's length in bytes, `stored` the payload's; `check` is XXH3-64 of the head's first 56 bytes
    and the payload.
    """

    kind: RecordKind
    size: int
    stored: int
    digest: Digest
    check: int


def pack_header(salt: bytes) -> bytes:
    """Return a pack's first bytes; `salt` is four bytes, by which packs of the same records have different names."""
    return PACK_MAGIC + salt


def is_pack_header(data: bytes) -> bool:
    """Whether a file that begins with these 16 bytes may be a pack."""
    return len(data) == len(PACK_HEADER) and data.startswith(PACK_MAGIC)


def head_start(kind: RecordKind, size: int, stored: int, digest: bytes) -> bytes:
    """Return the first 56 bytes of a record's head; the check of these and of the payload follows them.

    Args:
        kind: what the payload is.
        size: the object's bytes.
        stored: the payload's bytes.
        digest: the object's 32 bytes of BLAKE3.
    """
    return _HEAD.pack(kind, size, stored, digest)


def check_bytes(check: int) -> bytes:
    """Return the head's last 8 bytes."""
    return _CHECK.pack(check)


def head_bytes(head: RecordHead) -> bytes:
    """Return a head as it stands in a pack."""
    return head_start(head.kind, head.size, head.stored, bytes.fromhex(head.digest[3:])) + check_bytes(head.check)


def parse_head(data: bytes) -> RecordHead:
    """Return a record's head.

    Raises:
        BadPack: cut off, of an unknown kind, or with sizes that no record has.
    """
    if len(data) != HEAD_BYTES:
        raise BadPack("a record of the pack is cut off in its head")
    kind, size, stored, digest = _HEAD.unpack_from(data)
    if kind not in (0, 1, 2) or any(data[1:8]):
        raise BadPack(f"a record of the pack has the unknown kind {data[:8].hex()}")
    limit = MAX_CHUNK_LIST if kind == RecordKind.CHUNKS else MAX_RECORD
    if (
        stored > limit
        or (kind != RecordKind.CHUNKS and size > MAX_RECORD)
        or (kind == RecordKind.RAW and size != stored)
    ):
        raise BadPack(f"a record of the pack has impossible sizes: {size} bytes in {stored}")
    return RecordHead(RecordKind(kind), size, stored, Digest("b3:" + digest.hex()), _CHECK.unpack_from(data, 56)[0])
