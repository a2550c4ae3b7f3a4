"""`quarantine/`: where files go that are not what their names say. Nothing in it is ever deleted by repro."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file


def set_aside(root: str, path: str, label: str) -> str:
    """Move a file or directory of the store at `root` to its quarantine and return where it is now."""
    kept = _place(root, label)
    with contextlib.suppress(FileNotFoundError):  # another process set it aside first
        os.rename(path, kept)
    return kept


def copy_aside(root: str, label: str, fill: Callable[[int], None]) -> str:
    """Keep bytes from elsewhere, which `fill` writes to the descriptor it is given, and return where."""
    with temp_file(os.path.join(root, "tmp")) as (descriptor, path):
        fill(descriptor)
        kept = _place(root, label)
        os.rename(path, kept)
    return kept


def _place(root: str, label: str) -> str:
    folder = os.path.join(root, "quarantine")
    make_folder(folder)
    return os.path.join(folder, f"{label}-{os.urandom(4).hex()}")
