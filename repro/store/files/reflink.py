"""A copy that shares its blocks with the original until one of them is written (btrfs, XFS, bcachefs)."""

from __future__ import annotations

import errno
import os
import stat

FICLONE = 0x40049409
"""The ioctl's number on Linux: `_IOW(0x94, 9, int)` in `linux/fs.h`, the same on x86-64 and arm64."""

# What the kernel says where the file system, the pair of files or a sandbox cannot do it.
_NOT_HERE = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.ETXTBSY}


def reflink(source: int, target: int) -> bool:
    """Make the open file `target` a reflink copy of the open file `source`.

    Returns:
        Whether it was done; where the file system cannot do it, nothing has changed.

    Raises:
        OSError: it could, and failed (disk full, input or output error).
    """
    import fcntl

    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    return True


def is_read_from_start(descriptor: int, count: int) -> bool:
    """Whether the `count` bytes read so far are a file's first: then its clone is all that was to be read."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == count
