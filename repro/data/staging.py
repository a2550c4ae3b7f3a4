"""Where files are written before they take their place: a folder of the project's own, on the same file system.

Written there, and not beside their place, for two reasons: what a kill leaves does not lie among the data, and
ext4 is two to six times faster at making files in one directory than in many (measured on a busy machine with
20,000 small files in 100 directories).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_LEFTOVER_AGE = 24 * 3600.0  # seconds without a write after which a file belongs to nobody


@contextlib.contextmanager
def staging_folder(path: str | None) -> Iterator[int | None]:
    """Open a folder for files in the making, made if it is missing and swept of what kills have left.

    Yields:
        Its descriptor; None where no folder was named: files are then made beside their place.
    """
    if path is None:
        yield None
        return
    os.makedirs(path, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sweep(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _sweep(descriptor: int) -> None:
    oldest = time.time() - _LEFTOVER_AGE
    for entry in list(os.scandir(descriptor)):
        with contextlib.suppress(FileNotFoundError):
            if not entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.name, dir_fd=descriptor)
