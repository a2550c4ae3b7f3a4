"""Folders of a store that several users share: like git's `core.sharedRepository`, the folder itself says so."""

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
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if not parent or parent == path:
            raise
        make_folder(parent)
        make_folder(path)
        return
    if os.stat(os.path.dirname(path) or ".").st_mode & _SHARED == _SHARED:
        os.chmod(path, 0o2775)
