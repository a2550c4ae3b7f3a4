"""A range of an open file, as a file."""

from __future__ import annotations

import io
import os
from typing import BinaryIO


class FilePart(io.RawIOBase):
    """`length` bytes of a file from `start` on; it can be wound back, and is never in memory as a whole."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        super().__init__()
        self._descriptor = file.fileno()
        self._start = start
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return the position within the part."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the part, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = min(max(0, base + offset), self._length)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes of what is left of the part."""
        left = self._length - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        block = os.pread(self._descriptor, wanted, self._start + self._at)
        self._at += len(block)
        return block
