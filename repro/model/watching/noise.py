"""The table of what programs leave behind for themselves: never code (unless git tracks it), never an output."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from repro.model.names import name_to_text

# Folders and files that programs leave behind for themselves. A virtual environment is told by its pyvenv.cfg.
NOISE_FOLDERS = frozenset(
    {
        b".git",
        b".hg",
        b".svn",
        b".repro",
        b"__pycache__",
        b".venv",
        b"node_modules",
        b".mypy_cache",
        b".pytest_cache",
        b".ruff_cache",
        b".hypothesis",
        b".ipynb_checkpoints",
        b".cache",
        b".tox",
        b".nox",
        b".idea",
        b".vscode",
        b".eggs",
    }
)
NOISE_FILES = ("*.pyc", "*.pyo", "*.swp", "*.swo", "*~", ".#*", ".DS_Store", ".coverage", "nohup.out")


def is_noise_file(name: bytes) -> bool:
    """Whether a file is in the table by its name."""
    shown = name_to_text(name)
    return any(fnmatch.fnmatchcase(shown, pattern) for pattern in NOISE_FILES)


def is_noise(path: bytes, patterns: Sequence[str] = ()) -> bool:
    """Whether a path is in the table, or matches a pattern of `exclude`: by a name in it, or as a whole."""
    parts = path.split(b"/")
    if is_noise_file(parts[-1]) or any(part in NOISE_FOLDERS for part in parts):
        return True
    return any(_matches(pattern, name_to_text(path)) for pattern in patterns)


def _matches(pattern: str, whole: str) -> bool:
    bare = pattern.rstrip("/")
    if "/" not in bare:
        return any(fnmatch.fnmatchcase(name, bare) for name in whole.split("/"))
    bare = bare.lstrip("/")
    return fnmatch.fnmatchcase(whole, bare) or fnmatch.fnmatchcase(whole, bare.removesuffix("/**") + "/*")
