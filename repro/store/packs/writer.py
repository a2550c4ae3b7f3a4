"""Writes a pack: records go to a temporary file, which is ready to be called by its digest when it is closed."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.model.digest import Digest
from repro.model.pack import HEAD_BYTES, PACK_HEADER, RecordKind, pack_header
from repro.model.pack_index import PackFile, place_bytes
from repro.store.hashing import BLOCK, finish, new_hasher
from repro.store.packs.records import Packed
from repro.store.temp_files import naming_the_disk, open_temp, write_parts

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Spot = tuple[int, int, int, RecordKind]
"""Of a record in a pack being written: offset, the object's size, the payload's length, kind."""

_AHEAD = 8
"""Blocks that wait to be written: whoever makes the records delivers many at once, and is to go on meanwhile."""

_FEW_PARTS = 16  # so few make a block only if they are large: to join them would copy them for nothing


@dataclass(frozen=True, slots=True)
class WrittenPack:
    """A complete pack in a temporary file: what it is called, where it lies, and what is in it."""

    file: PackFile
    path: str
    spots: Mapping[Digest, Spot]

    def places(self, position: int) -> list[tuple[bytes, bytes]]:
        """Return digest and `place_bytes` of each record for an index that has this pack at `position`."""
        return [(bytes.fromhex(digest[3:]), place_bytes(position, *spot)) for digest, spot in self.spots.items()]


class PackWriter:
    """One pack in the making. It must be closed or abandoned."""

    def __init__(self, folder: str, *, beside: bool = False) -> None:
        """Open a temporary file in a folder, which is made where there is none.

        With `beside`, a thread of its own hashes and writes, while the caller makes the next records: that pays
        where they are large.
        """
        self._folder = folder
        self._thread = _one_thread() if beside else None
        self._written: deque[Future[None]] = deque()
        self._descriptor, self._path = open_temp(folder)
        self._hasher = new_hasher()
        self._parts: list[bytes | memoryview] = [pack_header(os.urandom(4))]
        self._buffered = self.length = len(PACK_HEADER)
        self.spots: dict[Digest, Spot] = {}

    def add(self, digest: Digest, packed: Packed) -> None:
        """Append a record, whose payload may be kept until the next call. One digest is added once.

        Raises:
            OSError: the disk is full, or refuses.
        """
        self.spots[digest] = (self.length, packed.size, len(packed.payload), packed.kind)
        self._parts += (packed.head, packed.payload)
        added = HEAD_BYTES + len(packed.payload)
        self.length += added
        self._buffered += added
        if self._buffered >= BLOCK:
            self._write()

    def close(self) -> WrittenPack:
        """Write what is left; the caller names the file, or removes it.

        Raises:
            OSError: the disk is full, or refuses; the file is gone then.
        """
        try:
            self._write()
            self._wait()
            os.fchmod(self._descriptor, 0o444)
        except BaseException:
            self.abandon()
            raise
        self._end()
        return WrittenPack(PackFile(finish(self._hasher), self.length), self._path, self.spots)

    def abandon(self) -> None:
        """Remove what was written."""
        self._end()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def _write(self) -> None:
        parts, self._parts, self._buffered = self._parts, [], 0
        if self._thread is None:
            self._put(parts)
            return
        self._wait(_AHEAD)
        self._written.append(self._thread.submit(self._put, parts))

    def _put(self, parts: Sequence[bytes | memoryview]) -> None:
        if len(parts) > _FEW_PARTS:
            parts = [b"".join(parts)]
        with naming_the_disk(self._folder):
            for part in parts:
                self._hasher.update(part)
            write_parts(self._descriptor, parts)

    def _wait(self, left: int = 0) -> None:
        """Return when at most so many blocks wait to be written."""
        while len(self._written) > left:
            self._written.popleft().result()

    def _end(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        os.close(self._descriptor)


def _one_thread() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "repro-pack")
