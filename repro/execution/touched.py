"""Which files of a directory were made or changed since a moment."""

from __future__ import annotations

import os
from collections.abc import Container


def touched_files(root: str, since_ns: int, skip_names: Container[bytes], skip_paths: Container[bytes]) -> list[bytes]:
    """Return the paths of files and links below `root` whose inode changed at or after `since_ns`.

    The inode's change time is the kernel's: it cannot be set back, as a copied file's modification time is.

    Args:
        root: an absolute path.
        since_ns: in nanoseconds, by the clock of the file system that holds `root`.
        skip_names: names of folders that are not looked into, nor is a folder that holds a `pyvenv.cfg`.
        skip_paths: relative paths that are not looked into.

    Returns:
        Relative paths, sorted.
    """
    found: list[bytes] = []
    base = os.fsencode(root)
    pending = [b""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(os.path.join(base, folder)) as entries:
                listing = list(entries)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # gone since it was listed, or not ours to see: then the run's outputs are not there either
        if any(entry.name == b"pyvenv.cfg" for entry in listing):
            continue
        for entry in listing:
            path = os.path.join(folder, entry.name)
            if entry.name in skip_names or path in skip_paths:
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif _changed_since(entry, since_ns):
                found.append(path)
    return sorted(found)


def _changed_since(entry: os.DirEntry[bytes], since_ns: int) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_ctime_ns >= since_ns
    except FileNotFoundError:
        return False
