"""Two versions of a directory that come from one, made into one. Objects come from a source and go to a sink."""

from __future__ import annotations

from repro.model.data.content import Content, Kind
from repro.model.data.objects import ObjectSink
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.data.tree_objects import TreeSource, check_sum
from repro.model.dataclass import dataclass, field
from repro.model.names import RelPath


@dataclass(slots=True)
class TreeMerge:
    """A merge: what both changed differently is in `conflicts`, and of it the result has our version.

    Raises (from `merge`): MissingObject, CorruptObject, BadTree, UnsafePath of a tree that had to be read.
    """

    source: TreeSource
    sink: ObjectSink
    conflicts: list[RelPath] = field(default_factory=list)

    def merge(self, base: Content | None, ours: Content | None, theirs: Content | None, path: bytes) -> Content | None:
        """Return what the two make of a path; None is nothing there. A side that did not change gives way."""
        if ours == theirs or theirs == base:
            return ours
        if ours == base:
            return theirs
        # A directory that one side has taken away is, for this, one in which every file was.
        if not all(side is None or side.kind is Kind.DIRECTORY for side in (ours, theirs, base)):
            self.conflicts.append(RelPath(path))
            return ours
        zero, one, two = (self._entries(side, path) for side in (base, ours, theirs))
        merged = []
        for name in sorted(one.keys() | two.keys()):
            # One Python frame per level: trees may be 512 levels deep.
            content = self.merge(zero.get(name), one.get(name), two.get(name), path + b"/" + name)
            if content is not None:
                merged.append(Entry(name, content))
        if not merged and None in (ours, theirs):
            return None
        ref = self.sink.add_bytes(encode_tree(merged))
        return Content(Kind.DIRECTORY, total_size(merged), ref.digest)

    def more_files(self, old: Content | None, new: Content | None) -> int:
        """Return how many files and links more `new` has than `old`. What is the same in both is not read."""
        if old == new:
            return 0
        if not _is_directory(old) and not _is_directory(new):
            return (new is not None) - (old is not None)
        left, right = self._entries(old, b""), self._entries(new, b"")
        count = (new is not None and not _is_directory(new)) - (old is not None and not _is_directory(old))
        for name in left.keys() | right.keys():
            count += self.more_files(left.get(name), right.get(name))
        return count

    def _entries(self, content: Content | None, path: bytes) -> dict[bytes, Content]:
        if content is None or content.digest is None or content.kind is not Kind.DIRECTORY:
            return {}
        entries = self.source.read_tree(content.digest)
        check_sum(content, entries, path.decode("utf-8", "backslashreplace"))
        return {entry.name: entry.content for entry in entries}


def _is_directory(content: Content | None) -> bool:
    return content is not None and content.kind is Kind.DIRECTORY
