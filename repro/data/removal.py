"""Taking a path of the work tree away, whatever it is, without following a link."""

from __future__ import annotations

import contextlib
import os
import stat

from repro.data.open_safely import mode_of, names_in, naming, open_directory, parent_of
from repro.model.names import RelPath, check_path


def remove(root: str, path: RelPath) -> None:
    """Remove what stands at `path`, whatever it is; nothing there is fine. No link is followed.

    Raises:
        UnsafePath, UnsafeLink, NotADirectory: `path` is not safe to go.
        OSError: with the path: it cannot be removed.
    """
    check_path(path)
    with contextlib.suppress(FileNotFoundError), parent_of(root, path) as parent:
        remove_entry(path.rsplit(b"/", 1)[-1], parent, path)


def remove_entry(name: bytes, parent: int, shown: bytes) -> None:
    """Remove `name` from the open directory `parent`, with everything below it."""
    mode = mode_of(name, parent, shown)
    if mode is None:
        return
    if not stat.S_ISDIR(mode):
        with naming(shown, "removing it"), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        return
    if mode & 0o700 != 0o700:  # a command may have left it closed; it is ours to remove
        with naming(shown, "removing it"):
            os.chmod(name, 0o700, dir_fd=parent)
    descriptor = open_directory(name, parent, shown)
    try:
        for inner in names_in(descriptor, shown):
            remove_entry(inner, descriptor, shown + b"/" + inner)
    finally:
        os.close(descriptor)
    with naming(shown, "removing it"):
        os.rmdir(name, dir_fd=parent)
