"""Telling outputs from noise and from code that changed under a run.

As long as a run is not watched, what it made is told from the state of the files before and after it:

| a file touched while the run ran | is |
|---|---|
| inside a declared output | part of that output |
| inside an input | looked at with the input: a changed input taints |
| in the noise table below, or matched by `exclude` | nothing |
| not part of the code at the start | an output that was found |
| part of the code, and its bytes were an earlier run's output | an output that was found |
| part of the code, other bytes now | code that changed under the run: taints |
| part of the code, same bytes | nothing |
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from repro.model.names import RelPath, is_within, name_to_text

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


@dataclass(frozen=True, slots=True)
class Touched:
    """What a run left: outputs that nobody declared, and paths that changed and should not have."""

    found: tuple[RelPath, ...]
    tainted: tuple[bytes, ...]


def is_noise(path: bytes, patterns: Sequence[str] = ()) -> bool:
    """Whether a path is in the noise table, or matches a pattern of `exclude` (by whole path or by name)."""
    parts = path.split(b"/")
    if any(part in NOISE_FOLDERS for part in parts):
        return True
    name, whole = name_to_text(parts[-1]), name_to_text(path)
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in NOISE_FILES):
        return True
    return any(_matches(pattern, name, whole) for pattern in patterns)


def classify_touched(
    touched: Iterable[bytes],
    changed: Collection[bytes],
    in_code: Callable[[bytes], bool],
    was_output: Callable[[bytes], bool],
    known: Sequence[bytes],
    exclude: Sequence[str] = (),
) -> Touched:
    """Apply the table above.

    Args:
        touched: files that were created, written or replaced since the start.
        changed: paths of the code whose bytes or mode differ from the start, deleted ones included.
        in_code: whether a path was part of the code at the start.
        was_output: whether the bytes that a path had at the start are an earlier run's output.
        known: declared outputs and inputs.
        exclude: patterns of files that are never outputs.
    """
    found: list[RelPath] = []
    tainted: list[bytes] = []
    for path in sorted({*touched, *changed}):
        if any(is_within(path, other) for other in known) or is_noise(path, exclude):
            continue
        if not in_code(path) or was_output(path):
            found.append(RelPath(path))
        elif path in changed:
            tainted.append(path)
    return Touched(tuple(found), tuple(tainted))


def _matches(pattern: str, name: str, whole: str) -> bool:
    bare = pattern.rstrip("/")
    if "/" not in bare:
        return fnmatch.fnmatchcase(name, bare) or fnmatch.fnmatchcase(whole.split("/", 1)[0], bare)
    bare = bare.lstrip("/")
    return fnmatch.fnmatchcase(whole, bare) or fnmatch.fnmatchcase(whole, bare.removesuffix("/**") + "/*")
