"""The bytes of one open file into another, by the kernel where it can."""

from __future__ import annotations

import errno
import os
import sys

from repro.store.files.temp_files import write_all

_STEP = 64 * 1024 * 1024
_BLOCK = 1024 * 1024
_NOT_HERE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}
"""What the kernel says where it does not copy between two files."""


def copy_rest(source: int, target: int, most: int = sys.maxsize) -> int:
    """Write what is left of `source`, or its next `most` bytes, to `target`, both at their positions.

    Returns:
        How many bytes that was: fewer than `most` only where the source ends.

    Raises:
        OSError: reading or writing fails.
    """
    copied = 0
    try:
        while copied < most and (count := os.copy_file_range(source, target, min(_STEP, most - copied))):
            copied += count
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    # Some kernels' file systems say "nothing more" where they cannot do it: only `read` knows the end.
    while copied < most and (block := os.read(source, min(_BLOCK, most - copied))):
        write_all(target, block)
        copied += len(block)
    return copied
