"""What becomes of memory that was freed: the C library is told, which else keeps more of it than is of use."""

from __future__ import annotations

import contextlib
import functools

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
_BLOCKS_FROM = 384 * 1024
"""Bytes from which a block is given back."""


@functools.cache
def share_what_is_freed() -> None:
    """Let all threads take their memory from two heaps: glibc gives each one of its own, and keeps there what was given
    back. Eight threads that fetch packs held twice as much so, and were no faster."""
    _tell_malloc(_M_ARENA_MAX, 2)


@functools.cache
def give_back_what_is_freed() -> None:
    """Let blocks of files, which are large, be given back when they are freed: once one was freed, glibc takes those
    that come after it from its heap, where what lies between them keeps them. A fetch held a tenth more so."""
    _tell_malloc(_M_MMAP_THRESHOLD, _BLOCKS_FROM)


def _tell_malloc(what: int, number: int) -> None:
    with contextlib.suppress(ImportError, OSError, AttributeError):  # a Python without ctypes, another C library
        import ctypes

        ctypes.CDLL(None).mallopt(what, number)
