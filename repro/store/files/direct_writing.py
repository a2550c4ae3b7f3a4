"""Files written past the page cache, where their file system can (`O_DIRECT` in open(2)).

What is to be on the disk before anything else happens gains nothing by lying in the page cache first. To copy it there
takes as long as to hash it, several times as long where the machine has to find the memory for it, and in the end
somebody waits for the disk all the same.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from typing import TYPE_CHECKING

from repro.store.files.reused_memory import new_memory
from repro.store.files.temp_files import write_all

if TYPE_CHECKING:
    import mmap
    from concurrent.futures import Future

_BLOCK = 2 * 1024 * 1024
_BLOCKS = 4

_GRAIN = 4096
"""Bytes of which address, offset and length of a direct write are multiples: a page, and any disk's block."""


class DirectWriting:
    """Buffers, and a thread that writes them, for one file after the other."""

    def __init__(self) -> None:
        """Start; `close` ends it."""
        import queue
        from concurrent.futures import ThreadPoolExecutor

        self._thread = ThreadPoolExecutor(1, "repro-write")
        self._free: queue.SimpleQueue[mmap.mmap] = queue.SimpleQueue()
        for _ in range(_BLOCKS):
            self._free.put(new_memory(_BLOCK))

    def take(self) -> mmap.mmap:
        """Return an empty buffer of `_BLOCK` bytes, when there is one."""
        return self._free.get()

    def give(self, block: mmap.mmap) -> None:
        """Take a buffer back."""
        self._free.put(block)

    def submit(self, file: DirectFile, block: mmap.mmap, length: int) -> Future[None]:
        """Have the first bytes of a buffer written to the end of a file."""
        return self._thread.submit(self._put, file, block, length)

    def close(self) -> None:
        """End the thread. Files that were not ended are not complete then."""
        self._thread.shutdown(wait=True)

    def _put(self, file: DirectFile, block: mmap.mmap, length: int) -> None:
        try:
            with memoryview(block) as whole, whole[:length] as data:
                file.put(data)
        finally:
            self.give(block)


class DirectFile:
    """A new file that is written from its start to its end. `end` or `abandon` ends it; the descriptor stays open.

    Two files may be open at a time, not more: each may hold a buffer that is not yet full.
    """

    def __init__(self, descriptor: int, writing: DirectWriting) -> None:
        """Take an empty file that is open for writing."""
        self._descriptor = descriptor
        self._writing = writing
        self._direct = _set_direct(descriptor, on=True)
        self._block: mmap.mmap | None = None
        self._filled = 0
        self._written: deque[Future[None]] = deque()

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes, which are copied.

        Raises:
            OSError: the disk is full, or refuses what was taken before.
        """
        view = memoryview(data)
        while view:
            if self._block is None:
                self._raise_failures()
                self._block, self._filled = self._writing.take(), 0
            count = min(len(view), _BLOCK - self._filled)
            self._block[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            if self._filled == _BLOCK:
                self._hand_over()

    def end(self) -> None:
        """Return when everything is written. It is not yet sure to be on the disk.

        Raises:
            OSError: as `write`.
        """
        self._hand_over()
        while self._written:
            self._written.popleft().result()

    def abandon(self) -> None:
        """Return when nothing more is written."""
        from concurrent.futures import wait

        block, self._block = self._block, None
        if block is not None:
            self._writing.give(block)
        wait(self._written)

    def put(self, data: memoryview) -> None:
        """Write these bytes to the end of the file; called by the thread that writes."""
        whole = len(data) // _GRAIN * _GRAIN if self._direct else 0
        done = self._put_direct(data[:whole]) if whole else 0
        if done < len(data):
            if self._direct:
                self._direct = _set_direct(self._descriptor, on=False)
            write_all(self._descriptor, data[done:])

    def _put_direct(self, data: memoryview) -> int:
        """Return how much was written: less than all where the file system wants it otherwise, or has no room."""
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return 0

    def _hand_over(self) -> None:
        block, self._block = self._block, None
        if block is not None:
            self._written.append(self._writing.submit(self, block, self._filled))

    def _raise_failures(self) -> None:
        while self._written and self._written[0].done():
            self._written.popleft().result()


def _set_direct(descriptor: int, *, on: bool) -> bool:
    """Let writes go past the page cache from now on, or not; return whether they do."""
    import fcntl

    flag: int = getattr(os, "O_DIRECT", 0)  # not on every system
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | flag if on else flags & ~flag)
    except OSError as error:
        if on and error.errno == errno.EINVAL:  # the file system cannot
            return False
        raise
    return on and flag != 0
