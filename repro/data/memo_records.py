"""The bytes of a stat memo: the parts of its directories, in the order of a walk, each with a check sum.

A directory is one record for each part of its names, the records of its subdirectories in the order of their names, and
a closing record. So a memo is written and read as a stream, and only a part of one directory is ever in memory.

| record | bytes |
|---|---|
| any | one byte of kind, two little-endian 32-bit numbers, CRC-32 of these and of what follows |
| part, more follow (`+`), last part (`.`) | numbers: names, bytes of the names. The names, sorted, NUL between them; |
|  | the rows (`repro.data.rows`); for each name 32 bytes: a file's BLAKE3, else zeros |
| closing record (`=`) | size in bytes, files (64 bits each), BLAKE3 of the tree object |
"""

from __future__ import annotations

import stat
import struct
import zlib
from typing import BinaryIO

from repro.data.rows import ROW_BYTES, Row, unpack_rows
from repro.model.dataclass import dataclass

PART = 4096
"""The most names in one part: what bounds the memory that a directory of any length takes."""

NO_DIGEST = bytes(32)

_HEAD = struct.Struct("<cIII")
_CLOSING = struct.Struct("<QQ32s")
_MORE, _LAST, _END = b"+", b".", b"="
_LONGEST = PART * 1024  # bytes of names: no file system has names of more than 1,023 bytes


class BadMemo(Exception):
    """The memo is damaged, or does not belong to the walk. Never shown: the files are read instead."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What is remembered of a directory as a whole: size in bytes, number of files and links, and its tree."""

    size: int
    files: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A part as it was remembered. `body` is names and rows, which are compared as bytes."""

    count: int
    names_length: int
    body: bytes
    digests: bytes
    is_last: bool

    def names(self) -> list[bytes]:
        """Return the names."""
        return self.body[: self.names_length].split(b"\0") if self.count else []

    def rows(self) -> list[Row]:
        """Return the rows, in the order of the names."""
        return unpack_rows(self.body[self.names_length :])


def folders_in(part: KnownPart) -> list[bytes]:
    """Return those of the names that are directories."""
    modes = struct.unpack_from(f"<{part.count}Q", part.body, part.names_length)  # the first column
    if stat.S_IFDIR not in modes:
        return []
    return [name for name, mode in zip(part.names(), modes, strict=True) if mode == stat.S_IFDIR]


def encode_part(joined: bytes, rows: bytes, digests: bytes, *, is_last: bool) -> bytes:
    """Return a part's record; `joined` are its names with NUL between them."""
    kind = _LAST if is_last else _MORE
    return _record(kind, len(digests) // 32, len(joined), b"".join((joined, rows, digests)))


def encode_closing(closing: Closing) -> bytes:
    """Return a closing record."""
    return _record(_END, 0, 0, _CLOSING.pack(closing.size, closing.files, closing.digest))


def read_part(file: BinaryIO) -> KnownPart:
    """Return the next record, which must be a part.

    Raises:
        BadMemo: it is not, or is damaged.
        OSError: the disk does not give it back.
    """
    part = _read(file)
    if not isinstance(part, KnownPart):
        raise BadMemo("a directory ends before it begins")
    return part


def read_closing(file: BinaryIO) -> Closing:
    """Return the next record, which must close a directory.

    Raises:
        BadMemo, OSError: as `read_part`.
    """
    closing = _read(file)
    if not isinstance(closing, Closing):
        raise BadMemo("a directory does not end")
    return closing


def skip_directory(file: BinaryIO) -> None:
    """Read over a directory with all that is below it.

    Raises:
        BadMemo, OSError: as `read_part`.
    """
    left = 1
    while left:
        record = _read(file)
        if isinstance(record, Closing):
            left -= 1
        else:
            left += len(folders_in(record))


def _record(kind: bytes, first: int, second: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, first, second, _check(kind, first, second, payload)) + payload


def _check(kind: bytes, first: int, second: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(b"%s%d,%d" % (kind, first, second)))


def _read(file: BinaryIO) -> KnownPart | Closing:
    head = file.read(_HEAD.size)
    if len(head) != _HEAD.size:
        raise BadMemo("it is cut off")
    kind, count, names_length, check = _HEAD.unpack(head)
    if kind not in (_MORE, _LAST, _END) or count > PART or names_length > _LONGEST:
        raise BadMemo("it holds an unknown record")
    length = _CLOSING.size if kind == _END else names_length + count * (ROW_BYTES + 32)
    payload = file.read(length)
    if len(payload) != length or _check(kind, count, names_length, payload) != check:
        raise BadMemo("a record is damaged")
    if kind == _END:
        return Closing(*_CLOSING.unpack(payload))
    if payload.count(b"\0", 0, names_length) != max(count - 1, 0):
        raise BadMemo("a part has other names than it says")
    split = names_length + count * ROW_BYTES
    return KnownPart(count, names_length, payload[:split], payload[split:], kind == _LAST)
