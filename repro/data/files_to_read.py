"""Small files that another process is to read: which, as bytes, and how each is read there.

| part | bytes |
|---|---|
| number of files | 4, little-endian |
| rows | `ROW_BYTES` for each (`repro.data.rows`) |
| names | with NUL between them |
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from repro.data.captured_file import FLAGS
from repro.data.rows import ROW_BYTES, Row, pack_rows, row_of, unpack_rows

_COUNT = struct.Struct("<I")


def encode_files(names: Sequence[bytes], rows: Sequence[Row]) -> bytes:
    """Return files of one directory, each with what it was when it was looked at."""
    return b"".join((_COUNT.pack(len(names)), pack_rows(rows), b"\0".join(names)))


def decode_files(data: bytes) -> list[tuple[bytes, Row]]:
    """Return the files again."""
    (count,) = _COUNT.unpack_from(data)
    end = _COUNT.size + count * ROW_BYTES
    rows = unpack_rows(data[_COUNT.size : end])
    return list(zip(data[end:].split(b"\0"), rows, strict=True))


def read_as_seen(name: bytes, row: Row, folder: int) -> bytes | None:
    """Return the bytes of a regular file in an open directory; None where they cannot be read, or it is no longer what
    it was when it was looked at: whoever asked deals with it himself.
    """
    size = row[2]
    try:
        descriptor = os.open(name, FLAGS, dir_fd=folder)
    except OSError:
        return None
    try:
        data = os.read(descriptor, size + 1)  # one more, to see the end
        while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
            data += more
        after = row_of(os.fstat(descriptor))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if after == row and len(data) == size else None
