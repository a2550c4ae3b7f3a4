"""Files put on disk before a record names them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

_FEW = 32  # up to here, one fsync per file is cheaper than flushing a whole file system


def flush_file(path: str) -> None:
    """Put one file, or a folder's names, on disk.

    Raises:
        OSError: it is not there, or the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_files(paths: Collection[str], folder: str) -> None:
    """Put files on disk, with the folders that they are in; `folder` holds those. A file that is gone is none.

    Raises:
        OSError: the disk refuses.
    """
    folders = {os.path.dirname(path) for path in paths}
    if len(paths) > _FEW:
        places = {os.stat(one).st_dev: one for one in folders}
        for place in places.values():
            flush_file_system(place)
        return
    with contextlib.ExitStack() as opened:
        descriptors = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # set aside or collected in the meantime
                descriptors.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                opened.callback(os.close, descriptors[-1])
                _begin_to_write(descriptors[-1])
        for descriptor in descriptors:
            os.fsync(descriptor)
    for path in [*folders, *({folder} if folders else ())]:
        with contextlib.suppress(FileNotFoundError):
            flush_file(path)


def _begin_to_write(descriptor: int) -> None:
    """Let the kernel write a file's bytes: with all on their way, the first `fsync` does what the others wait for."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):  # a file system that takes no advice; what the disk refuses, `fsync` says
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def flush_file_system(path: str) -> None:
    """Put all on disk that the file system of a file or folder holds: syncfs(2), which waits for no other disk.

    Raises:
        OSError: it is not there, or the disk refuses.
    """
    try:
        import ctypes

        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError):  # not in every Python, on every system, nor with every C library
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)
