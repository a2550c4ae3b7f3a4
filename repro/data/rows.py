"""What `lstat` says of a file that tells whether it is still the same bytes: a row of numbers, and many rows as bytes
that are compared at once."""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

Row: TypeAlias = "tuple[int, int, int, int, int]"
"""Mode, inode, size in bytes, mtime and ctime in nanoseconds. Equal means "the same bytes as then"."""

row_of: attrgetter[Row] = attrgetter("st_mode", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
"""Return the row of an `os.stat_result`. A plain getter of attributes, so that `map` calls it without Python."""

FOLDER: Row = (stat.S_IFDIR, 0, 0, 0, 0)
"""The row of every directory: its names are listed each time, so nothing else about it is to be remembered."""

ROW_BYTES = 40

RACY_NS = 2_000_000_000
"""A file that changed so shortly before it was looked at may change again within one tick of its file system's
clock, unseen (git's racy rule; 2 s is FAT's tick, the coarsest there is)."""

_MOST = 2**63 - 1


def now_ns() -> int:
    """Return the wall clock, which file times are compared with."""
    return time.time_ns()


def newest_of(rows: Sequence[Row]) -> int:
    """Return the latest mtime or ctime, 0 of no rows: what is not long before the look cannot be trusted."""
    if not rows:
        return 0
    _, _, _, changed, touched = zip(*rows, strict=True)
    newest: int = max(*changed, *touched)
    return newest


def pack_rows(rows: Sequence[Row]) -> bytes:
    """Return the rows column by column, little-endian: `ROW_BYTES` for each."""
    try:
        return _layout(len(rows)).pack(*chain.from_iterable(zip(*rows, strict=True)))
    except struct.error:  # a time before 1678 or after 2262: one that no clock reaches, so it is never trusted
        clamped = [(*row[:3], *(time if abs(time) <= _MOST else _MOST for time in row[3:])) for row in rows]
        return _layout(len(rows)).pack(*chain.from_iterable(zip(*clamped, strict=True)))


def unpack_rows(data: bytes) -> list[Row]:
    """Return the rows again.

    Raises:
        struct.error: the length is not that of rows.
    """
    count = len(data) // ROW_BYTES
    numbers = _layout(count).unpack(data)
    columns = (numbers[start * count : (start + 1) * count] for start in range(5))
    return list(zip(*columns, strict=True))


def look(name: bytes, folder: int) -> Row:
    """Return the row of what stands at `name` in an open directory; no link is followed.

    Raises:
        OSError: of the system's.
    """
    return row_of(os.lstat(name, dir_fd=folder))


def _layout(count: int) -> struct.Struct:
    return struct.Struct(f"<{3 * count}Q{2 * count}q")
