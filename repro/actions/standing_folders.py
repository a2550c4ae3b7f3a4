"""Directories that a run found and needed, and that nothing else of its record brings: empty ones, ignored ones."""

from __future__ import annotations

import os
from collections.abc import Iterable

from repro.actions.aftermath import StandingFolders
from repro.actions.found_inputs import Watch
from repro.execution.birth_time import born_ns
from repro.model.names import RelPath, UnsafePath, check_path, is_within
from repro.model.watching.judged_trace import OWN_FOLDERS, Known, inside, owner
from repro.model.watching.noise import is_noise
from repro.model.watching.watch_rules import is_of_python


def standing_folders(watch: Watch, items: Iterable[bytes]) -> StandingFolders:
    """Return the directories inside the project that the run put something into, listed or went to, that stood there
    before, and that neither code nor one of its inputs (`items`) brings.

    One that the run also tried to make is none: it would make it. Of nested ones, the inner one says all.
    """
    known, trace = watch.known, watch.trace
    inputs = frozenset(items)
    brought = _above([*watch.code, *inputs])
    used = {os.path.dirname(path) for path in (*trace.writes, *trace.made)} | trace.listed | trace.entered
    own = trace.folders | trace.made
    found = []
    for folder in used:
        inner = inside(folder, known.root)
        if inner is None or inner in brought or owner(inner, inputs) or is_noise(inner):
            continue
        mine = any(is_within(inner, name) for name in OWN_FOLDERS) or not own.isdisjoint(_above([folder]))
        if not mine and not _is_environments(folder, known) and _stood(folder, watch.since) and _is_path(inner):
            found.append(inner)
    listed = [path for path in found if known.root + b"/" + path in trace.listed]
    outer = _above(os.path.dirname(path) for path in found)
    written = [path for path in found if path not in outer and path not in listed]
    outer = _above(os.path.dirname(path) for path in listed)
    return StandingFolders(
        tuple(RelPath(path) for path in sorted(listed) if path not in outer),
        tuple(RelPath(path) for path in sorted(written)),
    )


def _above(paths: Iterable[bytes]) -> set[bytes]:
    """Return the paths and all directories above them."""
    found: set[bytes] = set()
    for path in paths:
        while path and path != b"/" and path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found


def _is_environments(folder: bytes, known: Known) -> bool:
    around = (*known.around.environments, *known.around.own)
    return is_of_python(folder + b"/") or any(is_within(folder, path) for path in around)


def _stood(folder: bytes, since: int) -> bool:
    born = born_ns(folder)
    return os.path.isdir(folder) and not os.path.islink(folder) and (born is None or born < since)


def _is_path(inner: bytes) -> bool:
    try:
        check_path(inner)
    except UnsafePath:
        return False
    return True
