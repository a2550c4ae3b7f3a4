"""Digests with a number each, in one piece of memory: some 70 bytes for each, where a `dict` takes three times that."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ROW = struct.Struct("<32sQ")
_LINE = struct.Struct("<32sQI")
_LEAST = 16


class DigestTable:
    """A map from the 32 bytes of digests to numbers below 2**64 - 1, by open addressing with linear probing.

    It takes a microsecond or two for each access, and is for what there may be many of at once, as directories.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._slots = _LEAST
        self._rows = bytearray(_ROW.size * _LEAST)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def get(self, digest: bytes) -> int | None:
        """Return the number of a digest, None where it is not known."""
        _, number = _ROW.unpack_from(self._rows, self._slot(digest))
        return number - 1 if number else None

    def set(self, digest: bytes, number: int) -> None:
        """Remember the number of a digest."""
        slot = self._slot(digest)
        if not _ROW.unpack_from(self._rows, slot)[1]:
            if 4 * (self._used + 1) > 3 * self._slots:
                self._grow()
                slot = self._slot(digest)
            self._used += 1
        _ROW.pack_into(self._rows, slot, digest, number + 1)

    def _slot(self, digest: bytes) -> int:
        # Python's hash is keyed anew in each process: nobody can choose digests that all begin at one slot.
        slot, unpack, rows = hash(digest) % self._slots, _ROW.unpack_from, self._rows
        while True:
            found, number = unpack(rows, slot * _ROW.size)
            if not number or found == digest:
                return slot * _ROW.size
            slot = (slot + 1) % self._slots

    def _grow(self) -> None:
        old = self._rows
        self._slots += self._slots // 2
        self._rows = bytearray(_ROW.size * self._slots)
        for digest, number in _ROW.iter_unpack(old):
            if number:
                _ROW.pack_into(self._rows, self._slot(digest), digest, number)


class DigestLines:
    """Digests in an order, each with a number below 2**64 and one below 2**32: a stack, or what is gone through."""

    def __init__(self) -> None:
        """Have none yet."""
        self._lines = bytearray()

    def __len__(self) -> int:
        return len(self._lines) // _LINE.size

    def __iter__(self) -> Iterator[tuple[bytes, int, int]]:
        """Yield them in the order in which they were added; none may be added meanwhile."""
        return _LINE.iter_unpack(self._lines)

    def add(self, digest: bytes, number: int, second: int = 0) -> None:
        """Append a digest."""
        self._lines += _LINE.pack(digest, number, second)

    def pop(self) -> tuple[bytes, int, int]:
        """Remove the last one, and return it.

        Raises:
            IndexError: there is none.
        """
        if not self._lines:
            raise IndexError("there is no digest")
        digest, number, second = _LINE.unpack_from(self._lines, len(self._lines) - _LINE.size)
        del self._lines[-_LINE.size :]
        return digest, number, second
