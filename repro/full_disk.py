"""What is said of a full disk: which one it is."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def naming_the_disk(directory: str) -> Iterator[None]:
    """Let an error of a full disk name a directory: writing to a descriptor names no file, and there may be several."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in _FULL:
            raise OSError(error.errno, os.strerror(error.errno), directory) from error
        raise
