"""Walking a work tree as git sees it: what is tracked, what is not, what is ignored."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from enum import Enum, auto

from repro.code.git_index import Tracked
from repro.code.ignore_rules import IgnoreRules
from repro.code.repository import is_repository
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.names import name_to_text
from repro.model.watching.noise import NOISE_FOLDERS, is_noise_file

RECORDS = b".repro"
"""The folder at the root that holds records; it is taken from HEAD, never from the disk."""


class Unreadable(CannotProceed):
    """A file or directory of the work tree cannot be read."""

    id = "unreadable"

    def __init__(self, path: bytes, error: OSError) -> None:
        super().__init__(
            f"cannot read {name_to_text(path) or '.'!r} in the work tree: {error.strerror}",
            "make it readable, or let git ignore it (.gitignore)",
        )


class State(Enum):
    """What git knows of a path."""

    TRACKED = auto()
    UNTRACKED = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in the work tree: a file, a symlink, a special file, or (a directory) a nested repository."""

    path: bytes
    stat: os.stat_result
    state: State


@dataclass(frozen=True, slots=True)
class _Directory:
    path: bytes  # relative, with a trailing slash, or empty
    rules: IgnoreRules
    ignored: bool


def walk_work_tree(root: bytes, tracked: Tracked, rules: IgnoreRules) -> Iterator[Found]:
    """Yield what is in the work tree and not ignored, in no particular order; `lstat` is called once for each.

    `.git` and the root's `.repro` are left out; nested repositories are yielded, not entered. What vanishes
    while we walk was never there. What programs leave behind for themselves (`repro.model.watching.noise`) and virtual
    environments are left out unless git tracks them: recorded as code, they would make another recipe each time.

    Args:
        root: the work tree's top.
        tracked: what the index holds.
        rules: those of the whole repository.

    Raises:
        Unreadable: a directory that git does not ignore cannot be listed.
    """
    pending = [_Directory(b"", rules, False)]
    while pending:
        directory = pending.pop()
        entries = _list(root, directory)
        inner = directory.rules
        if not directory.ignored and any(entry.name == b".gitignore" for entry in entries):
            inner = inner.inside(directory.path, os.path.join(root, directory.path, b".gitignore"))
        for entry in entries:
            if entry.name == b".git" or (not directory.path and entry.name == RECORDS):
                continue
            path = directory.path + entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield from _judge_file(entry, path, tracked, inner, directory.ignored)
                continue
            nested = tracked.is_gitlink(path) or (path not in tracked.directories and is_repository(entry.path))
            hidden = directory.ignored or (path not in tracked.files and inner.ignores(path, entry.name, True))
            if nested and (not hidden or path in tracked.files):
                state = State.TRACKED if path in tracked.files else State.UNTRACKED
                yield from _with_stat(entry, path, state)
            elif path in tracked.directories or not (nested or hidden or _is_left_behind(entry)):
                pending.append(_Directory(path + b"/", inner, hidden))


def _list(root: bytes, directory: _Directory) -> list[os.DirEntry[bytes]]:
    try:
        with os.scandir(os.path.join(root, directory.path)) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        if directory.ignored:
            return []
        raise Unreadable(directory.path, error) from error


def _judge_file(
    entry: os.DirEntry[bytes], path: bytes, tracked: Tracked, rules: IgnoreRules, hidden: bool
) -> Iterator[Found]:
    if path in tracked.files:
        yield from _with_stat(entry, path, State.TRACKED)
    elif not (hidden or is_noise_file(entry.name) or rules.ignores(path, entry.name, False)):
        yield from _with_stat(entry, path, State.UNTRACKED)


def _is_left_behind(entry: os.DirEntry[bytes]) -> bool:
    return entry.name in NOISE_FOLDERS or os.path.exists(os.path.join(entry.path, b"pyvenv.cfg"))


def _with_stat(entry: os.DirEntry[bytes], path: bytes, state: State) -> Iterator[Found]:
    try:
        yield Found(path, entry.stat(follow_symlinks=False), state)
    except FileNotFoundError:
        return


def is_plain(mode: int) -> bool:
    """Whether git keeps such a thing: a regular file or a symlink."""
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)
