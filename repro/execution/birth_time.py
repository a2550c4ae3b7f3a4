"""When a file was made: statx(2) knows, and Python's `os.stat` does not tell."""

from __future__ import annotations

import ctypes
from functools import cache

_AT_FDCWD, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME = -100, 0x100, 0x800  # include/uapi/linux/{fcntl,stat}.h
_MASK_AT, _BTIME_AT, _SIZE = 0, 80, 256  # offsets in struct statx, statx(2)


def born_ns(path: bytes) -> int | None:
    """Return when a file was made, in nanoseconds since 1970; None where the file system does not say."""
    call = _statx()
    buffer = ctypes.create_string_buffer(_SIZE)
    if call is None or call(_AT_FDCWD, path, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer):
        return None
    mask = int.from_bytes(buffer.raw[_MASK_AT : _MASK_AT + 4], "little")
    seconds = int.from_bytes(buffer.raw[_BTIME_AT : _BTIME_AT + 8], "little", signed=True)
    nanoseconds = int.from_bytes(buffer.raw[_BTIME_AT + 8 : _BTIME_AT + 12], "little")
    return seconds * 10**9 + nanoseconds if mask & _STATX_BTIME else None


@cache
def _statx() -> ctypes._NamedFuncPointer | None:
    """The C library has it since glibc 2.28 and musl 1.2."""
    return getattr(ctypes.CDLL(None), "statx", None)
