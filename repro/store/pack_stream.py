"""Packs written by a thread of its own, and put on disk by another, while the caller reads what comes next."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from repro.model.digest import Digest
from repro.model.pack import PACK_SIZE
from repro.store.flushing import flush_file
from repro.store.pack_records import pack_object
from repro.store.pack_writer import PackWriter, WrittenPack

_AHEAD = 3  # lists of objects that wait to be written


class PackStream:
    """Takes objects in lists, from one thread at a time. It must be closed."""

    def __init__(self, folder: str) -> None:
        """Write to temporary files in a folder."""
        self._folder = folder
        self._writer: PackWriter | None = None
        self._done: list[tuple[WrittenPack, Future[None]]] = []
        self._waiting: deque[Future[None]] = deque()
        self._writing = ThreadPoolExecutor(1, "repro-pack")
        self._flushing = ThreadPoolExecutor(1, "repro-flush")

    def __len__(self) -> int:
        return len(self._done)

    def write(self, objects: Sequence[tuple[Digest, bytes]]) -> None:
        """Write objects, none of which was written before, after those that wait.

        Raises:
            OSError: the disk is full, or refuses; perhaps to what was given earlier.
        """
        if len(self._waiting) >= _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._writing.submit(self._write, objects))

    def take(self) -> list[WrittenPack]:
        """Return all that was written, in packs that are on the disk. They are the caller's from then on.

        Raises:
            OSError: as `write`.
        """
        self._waiting.append(self._writing.submit(self._end_pack))
        while self._waiting:
            self._waiting.popleft().result()
        for _, flushed in self._done:
            flushed.result()
        packs = [pack for pack, _ in self._done]
        self._done.clear()
        return packs

    def take_complete(self) -> list[WrittenPack]:
        """As `take`, but without what fills no pack yet and what waits; nothing can be written any more."""
        self._writing.shutdown(cancel_futures=True)
        for _, flushed in self._done:
            flushed.result()
        packs = [pack for pack, _ in self._done]
        self._done.clear()
        return packs

    def close(self) -> None:
        """End the threads, and remove what nobody took."""
        self._writing.shutdown(cancel_futures=True)
        self._flushing.shutdown(cancel_futures=True)
        if self._writer is not None:
            self._writer.abandon()
        for pack, _ in self._done:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(pack.path)

    def _write(self, objects: Sequence[tuple[Digest, bytes]]) -> None:
        for digest, data in objects:
            if self._writer is None:
                self._writer = PackWriter(self._folder)
            self._writer.add(digest, pack_object(digest, data))
            if self._writer.length >= PACK_SIZE:
                self._end_pack()

    def _end_pack(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            pack = writer.close()
            self._done.append((pack, self._flushing.submit(flush_file, pack.path)))
