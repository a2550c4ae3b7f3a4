"""Numbers sorted into groups: of many, most lie in a file that nobody else sees, and not in memory."""

from __future__ import annotations

import os
import tempfile
from array import array

_HELD = 32_768
"""Numbers that are held, eight bytes each, where there is room for a file."""


class KeptNumbers:
    """Groups are numbered from 0. When all was added, several threads may ask."""

    def __init__(self, held: int = _HELD) -> None:
        """Have no group yet; `held` numbers are held in memory."""
        self._most = held
        self._held = 0
        self._groups: list[array[int]] = []
        self._parts: list[array[int]] = []  # of each group: where in the file a part is, and how many bytes it has
        self._descriptor = -1
        self._length = 0

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def add(self, group: int, number: int) -> None:
        """Append a number to a group, or to the one after the last."""
        if group == len(self._groups):
            self._groups.append(array("Q"))
            self._parts.append(array("Q"))
        self._groups[group].append(number)
        self._held += 1
        if self._held >= self._most:
            self._put_away()

    def of(self, group: int) -> array[int]:
        """Return the numbers of a group, in the order in which they were added.

        Raises:
            OSError: the file cannot be read.
        """
        numbers, parts = array("Q"), self._parts[group]
        for number in range(0, len(parts), 2):
            numbers.frombytes(os.pread(self._descriptor, parts[number + 1], parts[number]))
        numbers.extend(self._groups[group])
        return numbers

    def _put_away(self) -> None:
        data = b"".join(group.tobytes() for group in self._groups)
        try:
            if self._descriptor < 0:
                with tempfile.TemporaryFile() as file:
                    self._descriptor = os.dup(file.fileno())
            if os.pwrite(self._descriptor, data, self._length) != len(data):
                raise OSError
        except OSError:  # where there is no room for a file, there mostly is some memory
            self._most = 2 * self._most
            return
        for group, parts in zip(self._groups, self._parts, strict=True):
            if group:
                parts.extend((self._length, len(group) * group.itemsize))
                self._length += len(group) * group.itemsize
                del group[:]
        self._held = 0
