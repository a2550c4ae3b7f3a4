"""Files put on disk before a record names them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

_FEW = 32  # up to here, one fsync per file is cheaper than flushing every file system of the machine


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
    """Put files on disk, with the folders that they are in; `folder` holds those. A file that is gone is none."""
    if len(paths) > _FEW:
        os.sync()
        return
    folders = {os.path.dirname(path) for path in paths}
    for path in [*paths, *folders, *({folder} if folders else ())]:
        with contextlib.suppress(FileNotFoundError):  # set aside or collected in the meantime
            flush_file(path)
