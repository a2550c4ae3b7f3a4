"""Folders of a store, or of a remote, that users share: as with git's `core.sharedRepository`, the folder says so."""

from __future__ import annotations

import os
import stat

_SHARED = stat.S_ISGID | stat.S_IWGRP


def make_folder(path: str) -> None:
    """Make a folder and those that it is in, where there are none.

    Below a folder that its group may write to and that hands its group on (`chmod g+ws`), a new one is the same
    whatever the umask says: the next user writes there too.
    """
    try:
        made = _made(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if not parent or parent == path:
            raise
        make_folder(parent)
        made = _made(path)  # not by itself: in a folder that takes nothing, as /proc, nothing is ever found
    if made and is_shared(os.path.dirname(path) or "."):
        os.chmod(path, 0o2775)


def _made(path: str) -> bool:
    try:
        os.mkdir(path)
    except FileExistsError:
        return False
    return True


def is_shared(folder: str) -> bool:
    """Whether a group may write to a folder, and is handed on to what is made in it."""
    return os.stat(folder).st_mode & _SHARED == _SHARED
