"""A path of the work tree as content: its files as objects, its directories as trees. What stands there is not changed.

Nothing is followed, nothing is skipped without a word, and a file that is written to meanwhile is not recorded
half old, half new. Of what has not changed since it was remembered, nothing is read and no tree is made again; but the
sink is asked for every object of it, the trees and the files: an object can have gone from a store that was tidied or
mended, and a tree that is there does not prove that its files are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing

from repro.data.captured_file import ChangedWhileRead as ChangedWhileRead
from repro.data.captured_file import capture_file
from repro.data.captured_tree import SeenPart, encode_seen, leaf_content
from repro.data.memo import Memo, MemoWriter, digest_bytes
from repro.data.memo_records import NO_DIGEST, BadMemo, Closing, encode_closing, encode_part
from repro.data.open_safely import parent_of
from repro.data.rows import RACY_NS, now_ns, pack_rows
from repro.data.scan import StoreRoot
from repro.data.walk_ahead import FoundDirectory, FoundPart, LeftDirectory, WalkAhead, in_order
from repro.errors import CannotProceed
from repro.model.data.content import Content, Kind
from repro.model.data.tree_objects import MAX_TREE_BYTES, KnowingSink, Recalled, batches, recalls
from repro.model.dataclass import dataclass
from repro.model.digest import digest_from, raw_of
from repro.model.names import RelPath, name_to_text
from repro.model.progress import SILENT, Progress


class DirectoryTooLarge(CannotProceed):
    """One directory holds more names than a tree object takes."""

    id = "directory-too-large"


@dataclass(frozen=True, slots=True)
class Captured:
    """What stands at a path, and how many files and links it has."""

    content: Content
    files: int


def capture(
    root: str,
    path: RelPath,
    sink: KnowingSink,
    memo: Memo | None = None,
    progress: Progress = SILENT,
    store: StoreRoot | None = None,
    remember: MemoWriter | None = None,
) -> Captured:
    """Return what stands at `path` as content whose objects are all in `sink`.

    Args:
        root: the project's root.
        path: relative to it.
        sink: where objects go; `repro.store.files.digest_only.DigestOnly` stores nothing and gives the same result.
        memo: what is remembered of the path; it is read, so it is good for one capture.
        progress: told of every file that was dealt with.
        store: whose objects' files symlinks stand for; None where no link can lead there.
        remember: takes what is to be remembered next.

    Raises:
        DataNotFound, NotKept, NestedRepository, TooDeep, UnsafeLink: it cannot be recorded as it stands.
        ChangedWhileRead: a file did not hold still.
        OSError: with the path: a file cannot be read, the disk is full.
    """
    started_ns = now_ns()
    writer = remember or MemoWriter(path, None)
    with parent_of(root, path) as parent, _recalling(sink, memo) as recalled:
        with _batch_of(sink) as inner:
            try:
                captured = _captured(parent, path, inner, recalled, memo, writer, progress, store)
            except BadMemo:
                writer.start()
                captured = _captured(parent, path, inner, recalled, None, writer, progress, store)
        witness = recalled.witness()
    writer.finish(captured.content, captured.files, started_ns - RACY_NS, witness)
    return captured


@contextlib.contextmanager
def _batch_of(sink: KnowingSink) -> Iterator[KnowingSink]:
    if batches(sink):
        with sink.batch() as inner:
            yield inner
    else:
        yield sink


@contextlib.contextmanager
def _recalling(sink: KnowingSink, memo: Memo | None) -> Iterator[Recalled]:
    """Yield who is asked for what is remembered: not the batch, as it was stored before."""
    if recalls(sink):
        with sink.recalling(memo.witness if memo else b"") as recalled:
            yield recalled
    else:
        yield _OneByOne(sink)


@dataclass(frozen=True, slots=True)
class _OneByOne:
    """A `Recalled` of a sink that remembers nothing."""

    sink: KnowingSink

    def has_all(self, digests: bytes) -> bool:
        return all(self.sink.has(digest_from(digests[start : start + 32])) for start in range(0, len(digests), 32))

    def witness(self) -> bytes:
        return b""


def _captured(
    parent: int,
    path: RelPath,
    sink: KnowingSink,
    recalled: Recalled,
    memo: Memo | None,
    writer: MemoWriter,
    progress: Progress,
    store: StoreRoot | None,
) -> Captured:
    with closing(WalkAhead(sink, recalled, memo, store)) as walk:
        return _Capture(sink, recalled, walk, writer, progress).whole(parent, path)


class _Capture:
    """Takes what the walk finds, in its order, and makes of it trees and what is to be remembered."""

    def __init__(
        self, sink: KnowingSink, recalled: Recalled, walk: WalkAhead, writer: MemoWriter, progress: Progress
    ) -> None:
        self._sink = sink
        self._recalled = recalled
        self._walk = walk
        self._writer = writer
        self._progress = progress

    def whole(self, parent: int, path: RelPath) -> Captured:
        """Return what stands at `path`, in the open directory `parent`."""
        name = path.rsplit(b"/", 1)[-1]
        captured: Captured | None = None
        for one in in_order(self._walk.found(parent, path)):
            if isinstance(one, LeftDirectory):
                end = self._closing(one.directory)
                captured = Captured(Content(Kind.DIRECTORY, end.size, digest=digest_from(end.digest)), end.files)
                continue
            seen = self._seen(one)
            self._writer.add(encode_part(seen.joined, seen.packed, seen.digests, is_last=one.part.is_last))
            if one.directory is not None:
                one.directory.parts.append(seen)
            elif not one.part.folders():
                captured = Captured(leaf_content(seen, parent, path[: -len(name)]), 1)
        assert captured is not None  # a path is a leaf, or a directory that was left
        return captured

    def _closing(self, directory: FoundDirectory) -> Closing:
        """Return what closes a directory; its tree is made, unless it is as remembered, and there."""
        end = directory.closing
        if end is None or not directory.is_same or not self._recalled.has_all(end.digest):
            end = self._tree(directory)
        self._walk.leave(directory)
        self._writer.add(encode_closing(end))
        if directory.outer is not None:
            directory.outer.folders[directory.name] = end
        return end

    def _tree(self, directory: FoundDirectory) -> Closing:
        folders = directory.folders
        data, size = encode_seen(directory.parts, folders, directory.descriptor, directory.shown)
        count = sum(part.count for part in directory.parts)
        if len(data) > MAX_TREE_BYTES:
            raise DirectoryTooLarge(
                f"{name_to_text(directory.shown)} holds {count} names, more than one directory may have",
                "spread them over several directories",
            )
        files = count - len(folders) + sum(inner.files for inner in folders.values())
        content = Content(Kind.DIRECTORY, size, digest=self._sink.add_bytes(data).digest)
        return Closing(size, files, digest_bytes(content))

    def _seen(self, found: FoundPart) -> SeenPart:
        """Return the part with its digests; what nobody else has read is read."""
        part = found.part
        if found.is_same and self._progress is SILENT:
            return SeenPart(part.joined, part.packed, found.digests[0])
        rows, told = list(part.rows), self._progress.advance
        found.take_shared()
        sizes, inline = [row[2] for row in rows], 0
        for number in found.unread:
            if found.digests[number] == NO_DIGEST:
                name = part.names[number]
                source, shown = part.objects.get(name, name), found.before + name
                rows[number], ref = capture_file(source, rows[number], found.folder, shown, self._sink, self._progress)
                found.digests[number] = raw_of(ref.digest)
                sizes[number], inline = 0, inline + 1  # its bytes were told as they were read
                told(0, 1)
        told(sum(sizes), len(part.names) - len(part.folders()) - inline)
        packed = pack_rows(rows) if inline and rows != part.rows else part.packed
        return SeenPart(part.joined, packed, b"".join(found.digests))
