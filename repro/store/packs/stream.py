"""Packs one after another: each is written and put on disk by threads of its own while the next is filled.

A thread is given blocks of many records. To give it each record costs what it saves, measured on objects of 10 KiB,
since Python runs in one thread.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from repro.store.files.flushing import flush_file
from repro.store.packs.series import PackSeries, remove_written
from repro.store.packs.write_behind import PackThread
from repro.store.packs.writer import PackWriter, WrittenPack


class PackStream(PackSeries):
    """A `PackSeries` whose packs are on the disk when they are taken. One thread at a time adds to it."""

    def __init__(self, folder: str) -> None:
        """Write to temporary files in a folder."""
        super().__init__(folder)
        self._writing = PackThread(direct=False)  # what was added is soon pushed
        self._flushing = ThreadPoolExecutor(1, "repro-flush")
        self._ending: list[tuple[PackWriter, Future[WrittenPack]]] = []

    def __len__(self) -> int:
        return super().__len__() + len(self._ending)

    def take_complete(self) -> list[WrittenPack]:
        """As `PackSeries`.

        Raises:
            OSError: the disk is full, or refuses; the packs are not taken then.
        """
        while self._ending:
            self._complete.append(self._ending[0][1].result())
            del self._ending[0]
        return super().take_complete()

    def close(self) -> None:
        """As `PackSeries`; the threads end, too."""
        self._flushing.shutdown(cancel_futures=True)
        for writer, written in self._ending:
            if written.cancelled():
                writer.abandon()
            elif written.exception() is None:
                self._complete.append(written.result())
        self._ending = []
        super().close()
        self._writing.close()

    def _begin(self) -> PackWriter:
        return PackWriter(self._folder, self._writing)

    def _end_pack(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.end()
        except BaseException:
            writer.abandon()
            raise
        self._ending.append((writer, self._flushing.submit(_on_disk, writer)))


def _on_disk(writer: PackWriter) -> WrittenPack:
    pack = writer.close()
    try:
        flush_file(pack.path)
    except BaseException:
        remove_written([pack])
        raise
    return pack
