"""Git's pack format, version 2, without deltas: writing. Source: git's Documentation/gitformat-pack.txt."""

from __future__ import annotations

import struct
import zlib
from hashlib import sha1
from typing import BinaryIO

from repro.code.git_objects import object_id
from repro.model.dataclass import dataclass

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4
KIND_NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
HEADER_SIZE = 12
TRAILER_SIZE = 20
MAX_BLOB = 4 << 30
MAX_TREE = 64 << 20
"""Limits on an object's size in bytes, for writer and reader alike; trees and commits are held in memory whole."""
_LEVEL = 6  # fixed: the same objects give the same bytes with one zlib


@dataclass(frozen=True, slots=True)
class IndexedObject:
    """Where an object lies in a pack: what a pack index says of it."""

    oid: bytes
    offset: int
    crc32: int


class PackWriter:
    """Writes a pack as a stream of whole objects."""

    def __init__(self, out: BinaryIO, count: int) -> None:
        """Begin a pack of exactly `count` objects."""
        self._out = out
        self._sha = sha1(usedforsecurity=False)
        self._offset = 0
        self.objects: list[IndexedObject] = []
        self._write(pack_header(count))

    def add(self, kind: int, data: bytes, oid: bytes | None = None) -> None:
        """Write one object; `oid` is its hex id, if the caller knows it."""
        start = self._offset
        record = object_header(kind, len(data)) + zlib.compress(data, _LEVEL)
        self._write(record)
        self.objects.append(IndexedObject(oid or object_id(KIND_NAMES[kind], data), start, zlib.crc32(record)))

    def finish(self) -> bytes:
        """Write the trailer and return it: the SHA-1 of all that was written."""
        trailer = self._sha.digest()
        self._write(trailer)
        return trailer

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._sha.update(data)
        self._offset += len(data)


def pack_header(count: int) -> bytes:
    """Return the first 12 bytes of a pack."""
    return struct.pack(">4sLL", b"PACK", 2, count)


def object_header(kind: int, size: int) -> bytes:
    """Return an object's type and size in bytes as they stand before its zlib stream."""
    byte = kind << 4 | size & 0x0F
    size >>= 4
    encoded = bytearray()
    while size:
        encoded.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    encoded.append(byte)
    return bytes(encoded)


def write_pack_index(path: str, objects: list[IndexedObject], trailer: bytes) -> None:
    """Write the index (version 2) that belongs to a pack.

    Args:
        path: a file that is made, writable by none, as git has it; the caller puts it in its place.
        objects: the pack's objects, in any order.
        trailer: the pack's last 20 bytes.
    """
    import os

    from dulwich.pack import write_pack_index_v2

    entries = sorted((bytes.fromhex(entry.oid.decode()), entry.offset, entry.crc32) for entry in objects)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(descriptor, "wb") as file:
        write_pack_index_v2(file, entries, trailer)
        file.flush()
        os.fsync(file.fileno())
