"""What stands in the work tree held against what is wanted there: the questions before anything is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from repro.data.hints import Hints
from repro.data.memo import Memo
from repro.data.open_safely import link_target, mode_of, names_in, naming, open_directory, parent_of
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.links import object_named_by
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry
from repro.model.data.tree_objects import TreeSource, check_sum
from repro.model.dataclass import dataclass
from repro.model.names import RelPath, check_path, name_to_text
from repro.model.pattern import pattern

TEMP = pattern(rb"\.repro-tmp-[0-9a-f]{16}")
"""What a write that was killed leaves behind; swept by the next checkout."""


def would_lose(
    content: Content, root: str, path: RelPath, source: TreeSource, prune: bool = False, memo: Memo | None = None
) -> list[RelPath]:
    """Return the paths, sorted, whose content `place` would replace or remove although it is not in the cache.

    A link whose target would be lost counts, a fifo, socket or device too. Arguments and errors are those of
    `repro.data.checkout.place`.
    """
    check_path(path)
    try:
        with parent_of(root, path) as parent:
            looking = _Looking(source, prune)
            wanted = Entry(path.rsplit(b"/", 1)[-1], content)
            return sorted(looking.losses(wanted, parent, path, 0, Hints(memo)))
    except FileNotFoundError:
        return []


@dataclass(slots=True)
class _Looking:
    source: TreeSource
    prune: bool

    def losses(self, wanted: Entry, parent: int, shown: bytes, depth: int, outer: Hints) -> Iterator[RelPath]:
        mode = mode_of(wanted.name, parent, shown)
        if mode is None:
            return
        content = wanted.content
        if content.kind is not Kind.DIRECTORY or not stat.S_ISDIR(mode):
            if not (outer.hold(wanted.name, content, parent) or self._same(wanted, mode, parent)):
                yield from self._all(wanted.name, parent, shown)
            return
        entries = {entry.name: entry for entry in read_directory(content, self.source, shown, depth)}
        hints = outer.enter(wanted.name)
        descriptor = open_directory(wanted.name, parent, shown)
        try:
            names = names_in(descriptor, shown)
            names.sort(key=lambda name: name in entries and entries[name].content.kind is Kind.DIRECTORY)
            for name in names:  # files first, as hints are given
                inner = shown + b"/" + name
                if name in entries:
                    yield from self.losses(entries[name], descriptor, inner, depth + 1, hints)
                elif self.prune and not TEMP.fullmatch(name):
                    yield from self._all(name, descriptor, inner)
            hints.leave()
        finally:
            os.close(descriptor)

    def _same(self, wanted: Entry, mode: int, parent: int) -> bool:
        if wanted.content.target is not None:
            return link_target(wanted.name, parent) == wanted.content.target
        return (
            stat.S_ISREG(mode) and wanted.content.kind is not Kind.DIRECTORY and file_holds(wanted, parent, self.source)
        )

    def _all(self, name: bytes, parent: int, shown: bytes) -> Iterator[RelPath]:
        """Yield every file at or below `name` that the cache does not have."""
        mode = mode_of(name, parent, shown)
        if mode is None:
            return
        if not stat.S_ISDIR(mode):
            if not (self._is_kept_link(name, parent) or (stat.S_ISREG(mode) and self._in_cache(name, parent, shown))):
                yield RelPath(shown)
            return
        descriptor = open_directory(name, parent, shown)
        try:
            for inner in names_in(descriptor, shown):
                yield from self._all(inner, descriptor, shown + b"/" + inner)
        finally:
            os.close(descriptor)

    def _is_kept_link(self, name: bytes, parent: int) -> bool:
        """Whether a link stands there to a store's own file of an object that is here."""
        target = link_target(name, parent)
        digest = object_named_by(target) if target else None
        return digest is not None and self.source.has(digest)

    def _in_cache(self, name: bytes, parent: int, shown: bytes) -> bool:
        with naming(shown, "reading it"):
            descriptor = os.open(name, READ, dir_fd=parent)
        try:
            return self.source.holds(descriptor)
        finally:
            os.close(descriptor)


READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_directory(content: Content, source: TreeSource, shown: bytes, depth: int) -> tuple[Entry, ...]:
    """Return a directory's entries after the checks that a tree from elsewhere needs.

    Raises:
        BadTree, WrongSize, UnsafePath, MissingObject, CorruptObject: naming the directory.
    """
    where = name_to_text(shown[:300])
    if depth > MAX_DEPTH:
        raise BadTree(f"{where}… is nested deeper than {MAX_DEPTH} directories")
    entries = source.read_tree(ref_of(content).digest)
    check_sum(content, entries, where)
    return entries


def ref_of(content: Content) -> ObjectRef:
    """Return digest and size of a file's content; of a directory's, the digest is its tree object's."""
    if content.digest is None:
        raise ValueError("a link has no object")
    return ObjectRef(content.digest, content.size)


def file_holds(wanted: Entry, parent: int, source: TreeSource) -> bool:
    """Whether the file at the wanted name has the wanted bytes; one that cannot be read has not."""
    try:
        descriptor = os.open(wanted.name, READ, dir_fd=parent)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        if os.fstat(descriptor).st_size != wanted.content.size:
            return False
        return source.matches(ref_of(wanted.content), descriptor)
    finally:
        os.close(descriptor)
