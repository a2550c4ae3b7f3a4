"""Reading a git pack that came from elsewhere: every claim in it is checked before a file is written."""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha1
from typing import BinaryIO

from repro.code.pack_format import BLOB, HEADER_SIZE, KIND_NAMES, MAX_BLOB, MAX_TREE, TRAILER_SIZE, IndexedObject
from repro.errors import IntegrityError
from repro.model.dataclass import dataclass

_CHUNK = 1 << 16
_REF_DELTA, _OFS_DELTA = 7, 6


class BadCodePack(IntegrityError):
    """A code pack is damaged, incomplete, or holds what no code pack may hold."""

    id = "bad-code-pack"


@dataclass(frozen=True, slots=True)
class PackedObject:
    """One object of a pack: `start` is where its zlib stream begins, `size` its length in bytes when inflated."""

    kind: int
    size: int
    start: int
    indexed: IndexedObject


class UntrustedPack:
    """A pack's objects by id. The ids were computed from the contents, so they can be relied on."""

    def __init__(self, view: memoryview) -> None:
        """Read the whole pack once.

        Raises:
            BadCodePack: not a pack of whole objects, cut off, too long, a wrong checksum or size, an object twice.
        """
        self._view = view
        self._end = len(view) - TRAILER_SIZE
        self.objects: dict[bytes, PackedObject] = {}
        count = self._check_frame()
        position = HEADER_SIZE
        for number in range(count):
            position = self._index_object(position, f"object {number + 1} of {count}, at byte {position}")
        if position != self._end:
            raise BadCodePack(f"the code pack has {self._end - position} bytes after its {count} objects")

    @property
    def trailer(self) -> bytes:
        """The pack's checksum, which is its last 20 bytes."""
        return bytes(self._view[self._end :])

    def write_to(self, oid: bytes, write: Callable[[bytes], object]) -> None:
        """Hand the object's bytes to `write`, piece by piece."""
        found = self.objects[oid]
        self._inflate(found.start, found.size, write, f"object {oid.decode()}")

    def read(self, oid: bytes) -> bytes:
        """Return an object's bytes."""
        pieces: list[bytes] = []
        self.write_to(oid, pieces.append)
        return b"".join(pieces)

    def _check_frame(self) -> int:
        if self._end < HEADER_SIZE:
            raise BadCodePack(f"the code pack is cut off: it has {len(self._view)} bytes")
        magic, version, count = struct.unpack(">4sLL", self._view[:HEADER_SIZE])
        if magic != b"PACK":
            raise BadCodePack("the code pack is not a git pack")
        if version != 2:
            raise BadCodePack(f"the code pack has version {version}; only 2 can be read")
        if sha1(self._view[: self._end], usedforsecurity=False).digest() != self.trailer:
            raise BadCodePack("the code pack is cut off or damaged: its checksum is not that of its bytes")
        return int(count)

    def _index_object(self, position: int, shown: str) -> int:
        kind, size, start = self._object_header(position, shown)
        if kind in (_OFS_DELTA, _REF_DELTA):
            raise BadCodePack(f"{shown} is a delta; a code pack holds whole objects only")
        if kind not in KIND_NAMES:
            raise BadCodePack(f"{shown} is of the kind {kind}, which a code pack does not hold")
        if size > (MAX_BLOB if kind == BLOB else MAX_TREE):
            raise BadCodePack(f"{shown} claims to have {size} bytes, more than is allowed")
        digest = sha1(b"%s %d\0" % (KIND_NAMES[kind], size), usedforsecurity=False)
        end = self._inflate(start, size, digest.update, shown)
        oid = digest.hexdigest().encode()
        if oid in self.objects:
            raise BadCodePack(f"the code pack holds object {oid.decode()} twice")
        crc32 = zlib.crc32(self._view[position:end])
        self.objects[oid] = PackedObject(kind, size, start, IndexedObject(oid, position, crc32))
        return end

    def _object_header(self, position: int, shown: str) -> tuple[int, int, int]:
        """Return an object's kind, its size, and where its zlib stream begins."""
        size = kind = shift = 0
        for place in range(position, min(position + 10, self._end)):
            byte = self._view[place]
            if place == position:
                kind, size, shift = byte >> 4 & 7, byte & 0x0F, 4
            else:
                size |= (byte & 0x7F) << shift
                shift += 7
            if not byte & 0x80:
                return kind, size, place + 1
        raise BadCodePack(f"the code pack is cut off or malformed in the header of {shown}")

    def _inflate(self, start: int, size: int, write: Callable[[bytes], object], shown: str) -> int:
        """Inflate exactly `size` bytes, never more, and return where the stream ends."""
        stream = zlib.decompressobj()
        position, left = start, size
        while not stream.eof:
            data = stream.unconsumed_tail
            if not data:
                # A copy: a slice that an exception's frames hold on to would keep the file mapped.
                data = bytes(self._view[position : min(position + _CHUNK, self._end)])
                position += len(data)
            try:
                piece = stream.decompress(data, min(left + 1, 1 << 20))
            except zlib.error as error:
                raise BadCodePack(f"{shown} cannot be inflated: {error}") from error
            if not data and not piece and not stream.eof:
                raise BadCodePack(f"{shown} is cut off")
            left -= len(piece)
            if left < 0:
                raise BadCodePack(f"{shown} inflates to more than the {size} bytes that it claims")
            write(piece)
        if left:
            raise BadCodePack(f"{shown} inflates to {size - left} bytes and claims {size}")
        return position - len(stream.unused_data)


@contextmanager
def open_untrusted_pack(file: BinaryIO) -> Iterator[UntrustedPack]:
    """Map a pack file, which nobody else may change meanwhile, and read it once.

    Raises:
        BadCodePack: see `UntrustedPack`.
    """
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise BadCodePack("the code pack is empty") from error
    with mapped, memoryview(mapped) as view:
        yield UntrustedPack(view)
