"""Finding pointer files (`data.repro`) fast: one walk, without git's ignore rules and without dulwich."""

from __future__ import annotations

import os

SUFFIX = b".repro"
_SKIPPED = frozenset((b".git", b".repro", b"node_modules", b"__pycache__"))


def pointer_paths(root: str) -> list[bytes]:
    """Return the paths, relative to `root` and sorted, of the regular files whose name ends in `.repro`.

    Not entered: `.git`, `.repro`, nested repositories, `node_modules`, `__pycache__`, virtual environments
    (a `pyvenv.cfg` inside), and a directory that has a pointer beside it: that is data. What cannot be
    listed holds none.
    """
    found: list[bytes] = []
    pending = [b""]
    while pending:
        prefix = pending.pop()
        entries = _list(os.path.join(os.fsencode(root), prefix))
        if prefix and (b".git" in entries or b"pyvenv.cfg" in entries):
            continue
        for name, entry in entries.items():
            if entry.is_dir(follow_symlinks=False):
                if name not in _SKIPPED and name + SUFFIX not in entries:
                    pending.append(prefix + name + b"/")
            elif name.endswith(SUFFIX) and name != SUFFIX and entry.is_file(follow_symlinks=False):
                found.append(prefix + name)
    return sorted(found)


def _list(path: bytes) -> dict[bytes, os.DirEntry[bytes]]:
    try:
        with os.scandir(path) as entries:
            return {entry.name: entry for entry in entries}
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
