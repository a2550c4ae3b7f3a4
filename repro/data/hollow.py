"""Hollow files: the name, the size and the kind of a file that nobody fetched.

A hollow file has no content of its own and no permission to be read, so that whoever opens it is told, and does not
get zeros. It stands in a rebuild for what the run did not read: who lists the directory, or asks for a size, is
answered as the run was.
"""

from __future__ import annotations

import os
import stat

from repro.data.open_safely import names_in, naming, open_directory, parent_of
from repro.errors import CannotProceed
from repro.model.names import RelPath, name_to_text

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_MOST_BLOCKS = 8  # some file systems count what they need for the file itself


class NoPermissions(CannotProceed):
    """A file system that keeps no permissions cannot have hollow files: their zeros could be read."""

    id = "no-permissions"


def make_hollow(name: bytes, folder: int, size: int, executable: bool, shown: bytes) -> None:
    """Make a hollow file of `size` bytes in an open directory. One of no bytes is what it stands for, and can be read.

    Raises:
        NoPermissions: the file can be read here.
        OSError: with the path.
    """
    mode = 0 if size else 0o777 if executable else 0o666
    with naming(shown, "making it"):
        descriptor = os.open(name, _NEW, mode, dir_fd=folder)
        try:
            os.ftruncate(descriptor, size)
            if size and os.fstat(descriptor).st_mode & _READABLE:
                raise NoPermissions(
                    f"{name_to_text(shown)} was not fetched, and this file system would let it be read as zeros",
                    "`--whole` fetches all; or rebuild where files have permissions: --into, REPRO_SCRATCH",
                )
        finally:
            os.close(descriptor)


def is_hollow(path: bytes | str, folder: int | None = None) -> bool:
    """Whether a hollow file stands there."""
    try:
        found = os.lstat(path, dir_fd=folder)
    except OSError:
        return False
    is_closed = stat.S_ISREG(found.st_mode) and not found.st_mode & _READABLE
    return is_closed and found.st_size > 0 and found.st_blocks <= _MOST_BLOCKS


def remove_hollow(root: str, path: RelPath) -> None:
    """Remove the hollow files of a directory, at any depth. No link is followed; nothing there is fine.

    Raises:
        OSError: with the path: it cannot be removed.
    """
    try:
        with parent_of(root, path) as parent:
            _remove_in(path.rsplit(b"/", 1)[-1], parent, path)
    except FileNotFoundError:
        return


def _remove_in(name: bytes, parent: int, shown: bytes) -> None:
    descriptor = open_directory(name, parent, shown)
    try:
        for inner in names_in(descriptor, shown):
            mode = os.lstat(inner, dir_fd=descriptor).st_mode
            if stat.S_ISDIR(mode):
                _remove_in(inner, descriptor, shown + b"/" + inner)
            elif is_hollow(inner, descriptor):
                with naming(shown + b"/" + inner, "removing it"):
                    os.unlink(inner, dir_fd=descriptor)
    finally:
        os.close(descriptor)
