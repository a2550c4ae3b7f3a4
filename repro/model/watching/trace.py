"""What a run did to files and hosts, folded from single events as they come.

What counts is whether the bytes that a process met at a path were there before the run, or the run's own work:

| event at a path | that the run had made | that it had not |
|---|---|---|
| opened to read, executed, linked to | nothing new | read |
| emptied, or created as new | made | made |
| opened to write, and not emptied | made | updated: what stood there, if anything did, shows through |
| opened to read and write | made | read and updated |
| renamed or linked to another path | the other is made | read, the other is made |
| removed | not there any more | removed; what comes after it is made |

Paths are absolute, raw bytes, with symbolic links resolved as far as the source of the events tells it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from enum import Flag, auto

from repro.model.dataclass import dataclass, field


class Access(Flag):
    """How a path was opened. `NEW`: nothing was there. `EMPTY`: what was there is gone. `CREATE`: it may be new."""

    READ = auto()
    WRITE = auto()
    CREATE = auto()
    NEW = auto()
    EMPTY = auto()


READ, WRITE, CREATE = Access.READ, Access.WRITE, Access.CREATE
OWN = Access.NEW | Access.EMPTY


@dataclass(slots=True)
class Trace:
    """A run's events, folded. Sets of absolute paths, unless said otherwise.

    Attributes:
        reads: met with content that was not the run's own.
        updates: written to, with what had been there showing through, if anything was there.
        created: of `updates`, those that may have been new.
        made: the run's own work, whether or not it is still there.
        folders: directories that the run made, or wanted to make and found made.
        writes: of all that was written or put in place, what was still there as far as events tell.
        removed: removed or replaced, and not the run's own.
        linked: given a second name by the run, so that their change time says nothing.
        listed: directories whose names were read.
        entered: directories that became a process's working directory.
        executed: programs, in the order of their first start.
        missing: where something was looked for and could not be opened, with the error's name.
        aliases: paths as a process named them, where a symbolic link made them another.
        hosts: connected to: address and port.
        own_ports: whether a process connected to a port of this machine that the run itself listened at.
        refused: system calls that failed because the run was watched: `ptrace`.
    """

    reads: set[bytes] = field(default_factory=set)
    updates: set[bytes] = field(default_factory=set)
    created: set[bytes] = field(default_factory=set)
    made: set[bytes] = field(default_factory=set)
    folders: set[bytes] = field(default_factory=set)
    writes: set[bytes] = field(default_factory=set)
    removed: set[bytes] = field(default_factory=set)
    linked: set[bytes] = field(default_factory=set)
    listed: set[bytes] = field(default_factory=set)
    entered: set[bytes] = field(default_factory=set)
    executed: dict[bytes, None] = field(default_factory=dict)
    missing: dict[bytes, str] = field(default_factory=dict)
    aliases: set[bytes] = field(default_factory=set)
    hosts: set[tuple[str, int]] = field(default_factory=set)
    own_ports: bool = False
    refused: set[str] = field(default_factory=set)
    _above: set[bytes] = field(default_factory=set)  # directories above what the run wrote

    def opened(self, path: bytes, access: Access) -> None:
        """A file was opened."""
        if not access & WRITE:
            self.read(path)
            return
        if access & OWN:
            self.made.add(path)
        elif path not in self.made:
            self.updates.add(path)
            if access & READ:
                self.reads.add(path)
            if access & CREATE:
                self.created.add(path)
        self._wrote(path)

    def read(self, path: bytes) -> None:
        """A file's bytes could be read from here on."""
        if path not in self.made:
            self.reads.add(path)

    def started(self, path: bytes) -> None:
        """A program was executed."""
        self.executed[path] = None
        self.read(path)

    def put(self, path: bytes) -> None:
        """Something new was put at a path: a symbolic link, a special file."""
        self.made.add(path)
        self._wrote(path)

    def link(self, old: bytes, new: bytes) -> None:
        """A file got a second name."""
        self.read(old)
        self.linked.add(old)
        self.put(new)

    def rename(self, old: bytes, new: bytes) -> None:
        """A file or directory was moved; what stood at `new` is gone."""
        if old in self._above:
            self._move_below(old, new)
        if old in self.made or old in self.writes:
            if old in self.updates:
                self._moved_with_old_content(old)
            self.made.add(old)
        elif old not in self._above:
            self._moved_with_old_content(old)
        self.writes.discard(old)
        if new not in self.made:
            self.removed.add(new)
        self.put(new)

    def exchange(self, one: bytes, two: bytes) -> None:
        """Two paths were exchanged."""
        for path in (one, two):
            self.read(path)
            self.put(path)

    def remove(self, path: bytes) -> None:
        """A file, link or empty directory was removed."""
        if path not in self.made:
            self.removed.add(path)
            self.made.add(path)
        self.writes.discard(path)

    def _moved_with_old_content(self, path: bytes) -> None:
        self.reads.add(path)
        self.removed.add(path)
        self.made.add(path)

    def _wrote(self, path: bytes) -> None:
        self.writes.add(path)
        folder = posixpath.dirname(path)
        while folder not in self._above:
            self._above.add(folder)
            folder = posixpath.dirname(folder)

    def _move_below(self, old: bytes, new: bytes) -> None:
        prefix = old + b"/"
        for path in [path for path in self.writes if path.startswith(prefix)]:
            self.writes.discard(path)
            self.made.add(path)
            self.put(new + path[len(old) :])


def join(base: bytes, path: bytes) -> bytes:
    """Return a path that a process named as an absolute one without `.`, `..` and double slashes.

    `..` after a symbolic link is taken lexically: whoever knows where the link leads says so afterwards.
    """
    joined = path if path.startswith(b"/") else base + b"/" + path
    if b"//" in joined or b"/." in joined or joined.endswith(b"/"):
        joined = posixpath.normpath(joined)
        return joined[1:] if joined.startswith(b"//") else joined
    return joined


def below(paths: Iterable[bytes], folder: bytes) -> list[bytes]:
    """Return the paths below a directory, relative to it."""
    prefix = folder.rstrip(b"/") + b"/"
    return [path[len(prefix) :] for path in paths if path.startswith(prefix)]
