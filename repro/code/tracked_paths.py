"""Which paths git tracks, of a plain repository without dulwich, whose import takes as long as adding a small file."""

from __future__ import annotations

import os
import re

from repro.code.index_file import BadIndex, parse_index
from repro.model.pattern import pattern

# What changes where the index is, or how it is to be read; a word of it in a name of a branch costs only the shortcut.
_SPECIAL = pattern(rb"extensions|include|worktree|repositoryformatversion\s*=\s*[^0\s]|bare(?!\s*=\s*false)", re.I)


def tracked_paths(root: str) -> list[bytes]:
    """Return the paths in the index, sorted.

    Raises:
        NotARepository, BareRepository, UnsupportedRepository: see `open_repository` and `read_tracked`.
    """
    found = _read_plainly(os.path.join(root, ".git"))
    if found is not None:
        return found
    from repro.code.git_index import read_tracked
    from repro.code.repository import open_repository

    with open_repository(root) as repo:
        return sorted(read_tracked(repo).files)


def _read_plainly(folder: str) -> list[bytes] | None:
    """Return the paths; None where there is anything unusual, or wrong, about the repository."""
    try:
        with open(os.path.join(folder, "config"), "rb") as file:
            config = file.read()
        if _SPECIAL.search(config) or not os.path.isfile(os.path.join(folder, "HEAD")):
            return None
        data = _read_index(os.path.join(folder, "index"))
        if data is None:
            return []
        paths = parse_index(data).paths
    except (OSError, BadIndex):
        return None
    # A conflict has several entries of one path, and a sparse index folders.
    is_whole = len(paths) == int.from_bytes(data[8:12]) and not any(path.endswith(b"/") for path in paths)
    return paths if is_whole else None


def _read_index(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:  # nothing was added as yet
        return None
