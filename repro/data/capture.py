"""A path of the work tree as content: its files as objects, its directories as trees. What stands there is not changed.

Nothing is followed, nothing is skipped without a word, and a file that is written to meanwhile is not recorded
half old, half new.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from repro.data.memo import Identity, Memo, content_of, identity_of, is_settled, known_of, now_ns
from repro.data.open_safely import naming, parent_of
from repro.data.scan import Found, StoreRoot, enter, list_directory, look_at
from repro.errors import CannotProceed
from repro.model.content import Content, Kind
from repro.model.names import RelPath, name_to_text
from repro.model.tree import Entry, encode_tree, total_size
from repro.model.tree_objects import MAX_TREE_BYTES, KnowingSink


class ChangedWhileRead(CannotProceed):
    """A file was written to while it was being recorded, twice in a row."""

    id = "changed-while-read"


class DirectoryTooLarge(CannotProceed):
    """One directory holds more names than a tree object takes."""

    id = "directory-too-large"


@dataclass(frozen=True, slots=True)
class Captured:
    """What stands at a path, how many files and links it has, and what may be remembered of it."""

    content: Content
    files: int
    memo: Memo


def capture(
    root: str,
    path: RelPath,
    sink: KnowingSink,
    memo: Memo | None = None,
    progress: Callable[[int], None] | None = None,
    store: StoreRoot | None = None,
) -> Captured:
    """Return what stands at `path` as content whose objects are all in `sink`.

    Args:
        root: the project's root.
        path: relative to it.
        sink: where objects go; `repro.store.hashing.DigestOnly` stores nothing and gives the same result.
        memo: what is remembered of the path; `captured.memo` is what to remember next.
        progress: told the bytes of every file that was dealt with.
        store: whose objects' files symlinks stand for; None where no link can lead there.

    Raises:
        DataNotFound, NotKept, NestedRepository, TooDeep, UnsafeLink: it cannot be recorded as it stands.
        ChangedWhileRead: a file did not hold still.
        OSError: with the path: a file cannot be read, the disk is full.
    """
    with parent_of(root, path) as parent:
        walk = _Walk(sink, memo, progress or (lambda size: None), now_ns(), store)
        name = path.rsplit(b"/", 1)[-1]
        content = walk.content(look_at(name, parent, path, store), parent, path, b"", 0)
    return Captured(content, walk.files, Memo(content, walk.entries))


def is_unchanged(root: str, path: RelPath, memo: Memo, store: StoreRoot | None = None) -> bool:
    """Whether nothing at `path` has changed since `memo`, by `lstat` alone: no file is read, nothing hashed.

    Raises:
        DataNotFound, NotKept, NestedRepository, UnsafeLink, OSError: as `capture`.
    """
    with parent_of(root, path) as parent:
        name = path.rsplit(b"/", 1)[-1]
        seen = _count_unchanged(look_at(name, parent, path, store), parent, path, b"", 0, memo, store)
    return seen == len(memo.entries)


def _count_unchanged(
    found: Found, parent: int, shown: bytes, below: bytes, depth: int, memo: Memo, store: StoreRoot | None
) -> int:
    """Return how many names were looked at, or a number that cannot be right at the first that has changed."""
    known = memo.entries.get(below)
    if known is None or known[0] != identity_of(found.kind, found.stat):
        return -1
    if found.kind is not Kind.DIRECTORY:
        return 1
    seen = 1
    descriptor = enter(found.name, parent, shown, depth)
    try:
        for entry in list_directory(descriptor, shown, store):
            inner = below + b"/" + entry.name
            count = _count_unchanged(entry, descriptor, shown + b"/" + entry.name, inner, depth + 1, memo, store)
            if count < 0:
                return -1
            seen += count
    finally:
        os.close(descriptor)
    return seen


@dataclass(slots=True)
class _Walk:
    sink: KnowingSink
    memo: Memo | None
    progress: Callable[[int], None]
    started_ns: int
    store: StoreRoot | None
    files: int = 0
    entries: dict[bytes, tuple[Identity, str]] = field(default_factory=dict)

    def content(self, found: Found, parent: int, shown: bytes, below: bytes, depth: int) -> Content:
        if found.kind is not Kind.DIRECTORY:
            return self._leaf(found, parent, shown, below)
        # Recursion takes one Python frame per level: 512 levels are allowed, the stack has not much more.
        descriptor = enter(found.name, parent, shown, depth)
        try:
            entries = []
            for inner in list_directory(descriptor, shown, self.store):
                path = shown + b"/" + inner.name
                content = self.content(inner, descriptor, path, below + b"/" + inner.name, depth + 1)
                entries.append(Entry(inner.name, content))
        finally:
            os.close(descriptor)
        content = self._tree(entries, shown)
        self.entries[below] = (Identity("d"), known_of(content))
        return content

    def _leaf(self, found: Found, parent: int, shown: bytes, below: bytes) -> Content:
        self.files += 1
        content, status = self._remembered(found, below) or self._fresh(found, parent, shown)
        # One that has just changed is kept with an identity that nothing has, so that a later look reads it.
        identity = identity_of(content.kind, status) if is_settled(status, self.started_ns) else Identity("racy")
        self.entries[below] = (identity, known_of(content))
        self.progress(content.size)
        return content

    def _remembered(self, found: Found, below: bytes) -> tuple[Content, os.stat_result] | None:
        known = self.memo.entries.get(below) if self.memo else None
        if known is None or known[0] != identity_of(found.kind, found.stat):
            return None
        try:
            content = content_of(found.kind, found.stat, known[1])
        except ValueError:
            return None
        stored = content.digest is None or self.sink.has(content.digest)
        return (content, found.stat) if stored else None

    def _fresh(self, found: Found, parent: int, shown: bytes) -> tuple[Content, os.stat_result]:
        if found.kind is Kind.SYMLINK:
            with naming(shown, "reading the link"):
                target = os.readlink(found.name, dir_fd=parent)
            return Content(Kind.SYMLINK, len(target), target=target), found.stat
        for _ in range(2):
            read = self._read(found, parent, shown)
            if read is not None:
                return read
        raise ChangedWhileRead(
            f"{name_to_text(shown)} changed while it was being read", "try again when nothing writes to it"
        )

    def _read(self, found: Found, parent: int, shown: bytes) -> tuple[Content, os.stat_result] | None:
        """Return the file's content, or None where it did not hold still."""
        # O_NONBLOCK: a fifo put there in the meantime must not make us wait.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            with naming(shown, "reading it"):
                descriptor = os.open(found.object or found.name, flags, dir_fd=parent)
        except FileNotFoundError:
            return None
        try:
            before = os.fstat(descriptor)
            ref = self.sink.add_descriptor(descriptor)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        kind = Kind.EXECUTABLE if after.st_mode & 0o100 else Kind.FILE
        if identity_of(kind, before) != identity_of(kind, after) or ref.size != after.st_size:
            return None
        return Content(kind, ref.size, digest=ref.digest), after

    def _tree(self, entries: list[Entry], shown: bytes) -> Content:
        data = encode_tree(entries)
        if len(data) > MAX_TREE_BYTES:
            raise DirectoryTooLarge(
                f"{name_to_text(shown)} holds {len(entries)} names, more than one directory may have",
                "spread them over several directories",
            )
        return Content(Kind.DIRECTORY, total_size(entries), digest=self.sink.add_bytes(data).digest)
