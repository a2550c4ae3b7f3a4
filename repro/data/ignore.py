"""Telling git to ignore tracked data: one anchored line in the `.gitignore` beside it."""

from __future__ import annotations

import os
import stat

from repro.data.open_safely import naming, parent_of
from repro.data.pointer import replace_file
from repro.errors import CannotProceed
from repro.model.names import RelPath, name_to_text
from repro.model.pattern import pattern

_FILE = b".gitignore"
_SPECIAL = pattern(rb"[\\*?\[]")
_MAX_BYTES = 16 * 1024 * 1024


class BadIgnoreFile(CannotProceed):
    """A `.gitignore` cannot be added to: git would not read it, or it is something else."""

    id = "bad-ignore-file"


def ignore_line(name: bytes) -> bytes:
    """Return the pattern that matches `name` in its own directory and nothing else, as far as patterns can say.

    A pattern cannot hold a line break: `?` stands for it, which matches any one character.
    """
    pattern = b"/" + _SPECIAL.sub(lambda match: b"\\" + match.group(), name).replace(b"\n", b"?")
    # git takes trailing spaces away, and old versions a carriage return.
    if pattern.endswith(b" "):
        pattern = pattern[:-1] + b"\\ "
    return pattern[:-1] + b"?" if pattern.endswith(b"\r") else pattern


def ignore_data(root: str, path: RelPath) -> bool:
    """Make git ignore the data at `path`; return whether a line was added. What stands in the file is kept.

    Args:
        root: the project's root.
        path: the data's path. git must not track it yet: what is in the index is never ignored.

    Raises:
        BadIgnoreFile: the `.gitignore` is a link or no file; git does not read such.
        UnsafeLink, NotADirectory, FileNotFoundError: the way to `path` is none.
        OSError: with the path; the old file is then still there.
    """
    folder, slash, name = path.rpartition(b"/")
    shown = folder + slash + _FILE
    line = ignore_line(name)
    with parent_of(root, path) as parent:
        old, mode = _read(parent, shown)
        lines = old.split(b"\n")
        if any(found.rstrip(b"\r") == line for found in lines):
            return False
        ending = b"\r\n" if old.count(b"\r\n") * 2 > old.count(b"\n") else b"\n"
        start = old if not old or old.endswith(b"\n") else old + ending
        with naming(shown, "writing it"):
            replace_file(_FILE, parent, start + line + ending, mode)
    return True


def _read(parent: int, shown: bytes) -> tuple[bytes, int]:
    """Return the ignore file's bytes and mode; of one that is not there, what a new one has."""
    with naming(shown, "reading it"):
        try:
            found = os.stat(_FILE, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return b"", 0o666
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no file that git reads"
            raise BadIgnoreFile(f"{name_to_text(shown)} is {what}", "put a regular file in its place")
        descriptor = os.open(_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(), stat.S_IMODE(found.st_mode)
