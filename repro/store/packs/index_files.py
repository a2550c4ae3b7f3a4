"""Index files, opened: small ones are mapped into memory, of large ones each lookup reads what it needs.

What is looked up is scattered, so that soon every page of a mapped index would count as this process's memory, and an
index grows with the number of objects. Read so, it takes none, and a lookup a microsecond more.
"""

from __future__ import annotations

import mmap
import os
from threading import Lock
from weakref import WeakKeyDictionary

from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex

ROOM = 4 * 1024 * 1024
"""Bytes of the indexes of one place that are mapped: those of 70,000 objects."""


class IndexFile:
    """The bytes of an open file, read when they are asked for. Several threads may ask."""

    __slots__ = ("_descriptor", "_length")

    def __init__(self, descriptor: int) -> None:
        """Take a descriptor, which stays the caller's."""
        self._descriptor = os.dup(descriptor)
        self._length = os.fstat(self._descriptor).st_size

    def __del__(self) -> None:
        os.close(self._descriptor)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> bytes:
        """Return a part whose end is given, and whose ends are counted from the start.

        Raises:
            BadIndex: the file has become shorter.
            OSError: it cannot be read.
        """
        start, end = part.start or 0, part.stop
        data = os.pread(self._descriptor, end - start, start)
        while len(data) < end - start and start + len(data) < self._length:
            more = os.pread(self._descriptor, end - start - len(data), start + len(data))
            if not more:
                raise BadIndex("the index is cut off")
            data += more
        return data


class IndexFiles:
    """Opens the indexes of one place. Several threads may ask."""

    def __init__(self) -> None:
        """None is open yet."""
        self._lock = Lock()
        self._mapped: WeakKeyDictionary[PackIndex, int] = WeakKeyDictionary()

    def open(self, descriptor: int) -> PackIndex:
        """Return the index in an open file; the descriptor stays the caller's.

        Raises:
            BadIndex: it is none.
            OSError: it cannot be read.
        """
        length = os.fstat(descriptor).st_size
        with self._lock:
            if length > ROOM - sum(self._mapped.values()):
                return PackIndex(IndexFile(descriptor))
            index = PackIndex(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if length else b"")
            self._mapped[index] = length
            return index
