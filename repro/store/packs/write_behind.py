"""The thread in which packs are hashed and written, while others make the next records.

There is one for packs that are made one after the other, those with small objects of an `add` or those with large ones
of a push, so that the end of one holds nobody up: the next one's blocks come after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from repro.store.files.direct_writing import DirectFile, DirectWriting

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 8
"""Blocks that wait to be written: whoever makes the records delivers many at once, and is to go on meanwhile."""


class PackThread:
    """Does work in the order in which it comes."""

    def __init__(self, *, direct: bool) -> None:
        """Start; `close` ends it.

        Args:
            direct: whether files go past the page cache: not where they are to be read again at once.
        """
        from concurrent.futures import ThreadPoolExecutor

        self._thread = ThreadPoolExecutor(1, "repro-pack")
        self._room = threading.BoundedSemaphore(_AHEAD)
        self._writing = DirectWriting() if direct else None

    def open(self, descriptor: int) -> DirectFile | None:
        """Return what writes to a new file past the page cache; None where it is to be written as usual."""
        return None if self._writing is None else DirectFile(descriptor, self._writing)

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Have this done after all that came before, when there is room to wait."""
        self._room.acquire()
        try:
            return self._thread.submit(self._do, work)
        except BaseException:
            self._room.release()
            raise

    def close(self) -> None:
        """Return when all is done, and end the threads."""
        self._thread.shutdown(wait=True)
        if self._writing is not None:
            self._writing.close()

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._room.release()
