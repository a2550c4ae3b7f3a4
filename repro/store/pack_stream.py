"""Packs one after another: each is put on disk by a thread of its own while the next is filled.

Filling has no thread: handing over costs what it saves, measured on objects of 10 KiB, since Python runs in one thread.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import Future, ThreadPoolExecutor

from repro.model.digest import Digest
from repro.model.pack import PACK_SIZE
from repro.store.flushing import flush_file
from repro.store.pack_records import pack_object
from repro.store.pack_writer import PackWriter, WrittenPack


class PackStream:
    """Takes objects from one thread at a time. It must be closed."""

    def __init__(self, folder: str) -> None:
        """Write to temporary files in a folder."""
        self._folder = folder
        self._writer: PackWriter | None = None
        self._done: list[tuple[WrittenPack, Future[None]]] = []
        self._flushing = ThreadPoolExecutor(1, "repro-flush")

    def __len__(self) -> int:
        return len(self._done)

    def add(self, digest: Digest, data: bytes) -> None:
        """Write an object that was not written before.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if self._writer is None:
            self._writer = PackWriter(self._folder)
        self._writer.add(digest, pack_object(digest, data))
        if self._writer.length >= PACK_SIZE:
            self._end_pack()

    def take(self) -> list[WrittenPack]:
        """Return all that was written, in packs that are on the disk. They are the caller's from then on.

        Raises:
            OSError: as `add`.
        """
        self._end_pack()
        return self.take_complete()

    def take_complete(self) -> list[WrittenPack]:
        """As `take`, without the pack that is not yet full."""
        for _, flushed in self._done:
            flushed.result()
        packs = [pack for pack, _ in self._done]
        self._done.clear()
        return packs

    def close(self) -> None:
        """End the thread, and remove what nobody took."""
        if self._writer is not None:
            self._writer.abandon()
        self._flushing.shutdown(cancel_futures=True)
        for pack, _ in self._done:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(pack.path)

    def _end_pack(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            pack = writer.close()
            self._done.append((pack, self._flushing.submit(flush_file, pack.path)))
