"""Packs one after another: each is put on disk by a thread of its own while the next is filled.

Filling has no thread: handing over costs what it saves, measured on objects of 10 KiB, since Python runs in one thread.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from repro.store.flushing import flush_file
from repro.store.packs.series import PackSeries
from repro.store.packs.writer import WrittenPack


class PackStream(PackSeries):
    """A `PackSeries` whose packs are on the disk when they are taken. One thread at a time adds to it."""

    def __init__(self, folder: str) -> None:
        """Write to temporary files in a folder."""
        super().__init__(folder)
        self._flushing = ThreadPoolExecutor(1, "repro-flush")
        self._flushed: list[Future[None]] = []

    def take_complete(self) -> list[WrittenPack]:
        """As `PackSeries`.

        Raises:
            OSError: the disk is full, or refuses; the packs are not taken then.
        """
        for flushed in self._flushed:
            flushed.result()
        self._flushed = []
        return super().take_complete()

    def close(self) -> None:
        """As `PackSeries`; the thread ends, too."""
        self._flushing.shutdown(cancel_futures=True)
        super().close()

    def _end_pack(self) -> None:
        before = len(self)
        super()._end_pack()
        self._flushed += [self._flushing.submit(flush_file, pack.path) for pack in self._complete[before:]]
