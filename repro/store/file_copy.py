"""The bytes of one open file into another, by the kernel where it can."""

from __future__ import annotations

import errno
import os

from repro.store.temp_files import write_all

_STEP = 64 * 1024 * 1024
_BLOCK = 1024 * 1024
NOT_HERE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}
"""What the kernel says where it does not copy between two files."""


def copy_rest(source: int, target: int) -> None:
    """Write what is left of `source` to `target`, both at their positions.

    Raises:
        OSError: reading or writing fails.
    """
    try:
        while os.copy_file_range(source, target, _STEP):
            pass
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
    # Some kernels' file systems say "nothing more" where they cannot do it: only `read` knows the end.
    while block := os.read(source, _BLOCK):
        write_all(target, block)
