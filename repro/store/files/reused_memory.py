"""Large pieces of memory that are used again: new memory is not there until the kernel has cleared it, page by page."""

from __future__ import annotations

import contextlib
import mmap

_KEPT = 16
"""Pieces that are looked through for one that is free."""


class ReusedMemory:
    """Pieces of one length, each taken by one thread at a time, and free when the last view of it is gone."""

    def __init__(self, length: int) -> None:
        """Take the bytes of a piece."""
        self._length = length
        self._pieces: list[mmap.mmap] = []

    def take(self) -> memoryview:
        """Return a piece of which nobody has a view. Its bytes are any."""
        for piece in self._pieces:
            if _is_free(piece):
                return memoryview(piece)
        piece = new_memory(self._length)
        if len(self._pieces) < _KEPT:
            self._pieces.append(piece)
        return memoryview(piece)


def new_memory(length: int) -> mmap.mmap:
    """Return zeros that begin with a page, in large pages where the system has such: less to look up in its tables."""
    memory = mmap.mmap(-1, length)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _is_free(piece: mmap.mmap) -> bool:
    """Whether nobody has a view of it: Python moves no memory that is seen, not even to where it lies."""
    try:
        piece.resize(len(piece))
    except (BufferError, SystemError):  # seen; or a system that moves none
        return False
    return True
