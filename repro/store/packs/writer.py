"""Writes a pack: records go to a temporary file, which is ready to be called by its digest when it is closed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from repro.full_disk import naming_the_disk
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, pack_header
from repro.model.packs.pack_index_format import ENTRY_BYTES, PackFile
from repro.model.packs.pack_places import place_bytes
from repro.store.files.hashing import BLOCK, finish, new_hasher
from repro.store.files.temp_files import open_temp, write_parts
from repro.store.packs.records import Packed
from repro.store.packs.spots import Spot, decode_spots, split_entries

if TYPE_CHECKING:
    from concurrent.futures import Future

    from repro.store.packs.write_behind import PackThread

_FEW_PARTS = 16  # so few make a block only if they are large: to join them would copy them for nothing


@dataclass(frozen=True, slots=True)
class WrittenPack:
    """A complete pack in a temporary file: what it is called, where it lies, and what is in it (`decode_spots`)."""

    file: PackFile
    path: str
    entries: bytes

    @property
    def spots(self) -> dict[Digest, Spot]:
        """Where each object's record is."""
        return dict(decode_spots(self.entries))

    def places(self, position: int) -> list[tuple[bytes, bytes]]:
        """Return digest and `place_bytes` of each record for an index that has this pack at `position`."""
        return [(entry[:32], entry[32:]) for entry in split_entries(self.entries, position)]


class PackWriter:
    """One pack in the making. It must be closed or abandoned."""

    def __init__(self, folder: str, thread: PackThread | None = None) -> None:
        """Open a temporary file in a folder, which is made where there is none.

        With a thread, that hashes and writes whole blocks of records while the caller makes the next ones.
        """
        self._folder = folder
        self._thread = thread
        self._doing: list[Future[None]] = []
        self._descriptor, self._path = open_temp(folder)
        self._past_cache = thread.open(self._descriptor) if thread else None
        self._hasher = new_hasher()
        self._parts: list[bytes | memoryview] = [pack_header(os.urandom(4))]
        self._buffered = self.length = len(PACK_HEADER)
        self._ended = False
        self.entries = bytearray()
        """As `decode_spots` takes it, of what was added."""

    @property
    def records(self) -> int:
        """How many were added."""
        return len(self.entries) // ENTRY_BYTES

    def add(self, digest: Digest, packed: Packed) -> None:
        """Append a record, whose payload may be kept until `close`. One digest is added once.

        Raises:
            OSError: the disk is full, or refuses.
        """
        self.entries += bytes.fromhex(digest[3:])
        self.entries += place_bytes(0, self.length, packed.size, len(packed.payload), packed.kind)
        self._parts += (packed.head, packed.payload)
        added = HEAD_BYTES + len(packed.payload)
        self.length += added
        self._buffered += added
        if self._buffered >= BLOCK:
            self._write()

    def end(self) -> None:
        """Write what is left; nothing is added any more. With a thread, it is only begun.

        Raises:
            OSError: as `add`; the pack is to be abandoned then.
        """
        if not self._ended:
            self._ended = True
            self._write()
            if self._thread is not None and self._past_cache is not None:
                self._doing.append(self._thread.submit(naming_the_disk(self._folder)(self._past_cache.end)))

    def close(self) -> WrittenPack:
        """Return the pack when all is written; the caller names the file, or removes it.

        Raises:
            OSError: the disk is full, or refuses; the file is gone then.
        """
        try:
            self.end()
            for done in self._doing:
                done.result()
            os.fchmod(self._descriptor, 0o444)
        except BaseException:
            self.abandon()
            raise
        os.close(self._descriptor)
        return WrittenPack(PackFile(finish(self._hasher), self.length), self._path, bytes(self.entries))

    def abandon(self) -> None:
        """Remove what was written."""
        if self._doing:
            from concurrent.futures import wait

            wait(self._doing)
        if self._past_cache is not None:
            self._past_cache.abandon()
        os.close(self._descriptor)
        self.unlink()

    def unlink(self) -> None:
        """Remove the file's name, whatever is being done with it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def _write(self) -> None:
        parts, self._parts, self._buffered = self._parts, [], 0
        put = naming_the_disk(self._folder)(partial(self._put, parts))
        if self._thread is None:
            put()
            return
        while self._doing and self._doing[0].done():
            self._doing.pop(0).result()
        self._doing.append(self._thread.submit(put))

    def _put(self, parts: Sequence[bytes | memoryview]) -> None:
        if len(parts) > _FEW_PARTS:
            parts = [b"".join(parts)]
        for part in parts:
            self._hasher.update(part)
            if self._past_cache is not None:
                self._past_cache.write(part)
        if self._past_cache is None:
            write_parts(self._descriptor, parts)
