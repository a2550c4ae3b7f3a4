"""A path of the work tree as content: its files as objects, its directories as trees. What stands there is not changed.

Nothing is followed, nothing is skipped without a word, and a file that is written to meanwhile is not recorded
half old, half new. Of what has not changed since it was remembered, nothing is read and no tree is made again; but the
sink is asked for every object of it, the trees and the files: an object can have gone from a store that was tidied or
mended, and a tree that is there does not prove that its files are.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from repro.data.captured_file import ChangedWhileRead as ChangedWhileRead
from repro.data.captured_file import capture_file
from repro.data.captured_tree import SeenPart, encode_seen, leaf_content
from repro.data.known_directory import KnownDirectory
from repro.data.memo import Memo, MemoWriter, digest_bytes, digest_from
from repro.data.memo_records import NO_DIGEST, BadMemo, Closing, encode_closing, encode_part
from repro.data.open_safely import parent_of
from repro.data.rows import RACY_NS, now_ns, pack_rows
from repro.data.scan import Part, StoreRoot, check_names, enter, list_directory, look_at
from repro.errors import CannotProceed
from repro.model.content import Content, Kind
from repro.model.names import RelPath, name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.tree_objects import MAX_TREE_BYTES, BatchingSink, KnowingSink, Recalled, RecallingSink

_UNKNOWN = Closing(0, 0, NO_DIGEST)


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
        sink: where objects go; `repro.store.digest_only.DigestOnly` stores nothing and gives the same result.
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
                captured = _Walk(inner, recalled, memo, writer, progress, store).top(parent, path)
            except BadMemo:
                writer.start()
                captured = _Walk(inner, recalled, None, writer, progress, store).top(parent, path)
        witness = recalled.witness()
    writer.finish(captured.content, captured.files, started_ns - RACY_NS, witness)
    return captured


@contextlib.contextmanager
def _batch_of(sink: KnowingSink) -> Iterator[KnowingSink]:
    if isinstance(sink, BatchingSink):
        with sink.batch() as inner:
            yield inner
    else:
        yield sink


@contextlib.contextmanager
def _recalling(sink: KnowingSink, memo: Memo | None) -> Iterator[Recalled]:
    """Yield who is asked for what is remembered: not the batch, as it was stored before."""
    if isinstance(sink, RecallingSink):
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


@dataclass(frozen=True, slots=True)
class _Walk:
    sink: KnowingSink
    recalled: Recalled
    memo: Memo | None
    writer: MemoWriter
    progress: Progress
    store: StoreRoot | None

    def top(self, parent: int, path: RelPath) -> Captured:
        name = path.rsplit(b"/", 1)[-1]
        before = path[: -len(name)]
        part = look_at(name, parent, path, self.store)
        known = KnownDirectory(self.memo) if self.memo else None
        seen = self._part(part, known, parent, before)
        if not part.folders():
            return Captured(leaf_content(seen, parent, before), 1)
        is_known = known is not None and not known.drain() and known.reaches(name)
        closing, _ = self._directory(name, parent, path, 0, self.memo if is_known else None)
        return Captured(Content(Kind.DIRECTORY, closing.size, digest=digest_from(closing.digest)), closing.files)

    def _directory(self, name: bytes, parent: int, shown: bytes, depth: int, memo: Memo | None) -> tuple[Closing, bool]:
        """Return what closes the directory, and whether it is as remembered: then its tree is not made again.

        One Python frame per level: 512 levels are allowed, the stack has not much more.
        """
        known = KnownDirectory(memo) if memo else None
        parts: list[SeenPart] = []
        folders: dict[bytes, Closing] = {}
        descriptor = enter(name, parent, shown, depth)
        try:
            for part in list_directory(descriptor, shown, self.store):
                parts.append(self._part(part, known, descriptor, shown + b"/"))
                folders.update(dict.fromkeys(part.folders(), _UNKNOWN))
            is_same = known is not None and not known.drain() and all(part.is_same for part in parts)
            for folder in folders:
                inner = memo if known is not None and known.reaches(folder) else None
                folders[folder], same = self._directory(folder, descriptor, shown + b"/" + folder, depth + 1, inner)
                is_same = is_same and same
            closing = known.close() if known is not None else None
            if closing is None or not is_same or not self.recalled.has_all(closing.digest):
                closing = self._tree(parts, folders, descriptor, shown)
        finally:
            os.close(descriptor)
        self.writer.add(encode_closing(closing))
        return closing, is_same

    def _tree(self, parts: list[SeenPart], folders: dict[bytes, Closing], descriptor: int, shown: bytes) -> Closing:
        data, size = encode_seen(parts, folders, descriptor, shown)
        count = sum(part.count for part in parts)
        if len(data) > MAX_TREE_BYTES:
            raise DirectoryTooLarge(
                f"{name_to_text(shown)} holds {count} names, more than one directory may have",
                "spread them over several directories",
            )
        files = count - len(folders) + sum(inner.files for inner in folders.values())
        content = Content(Kind.DIRECTORY, size, digest=self.sink.add_bytes(data).digest)
        return Closing(size, files, digest_bytes(content))

    def _part(self, part: Part, known: KnownDirectory | None, parent: int, before: bytes) -> SeenPart:
        """Return the part with its digests; files that are not as remembered, or not in the sink, are read."""
        remembered = known.next_part(part.names) if known is not None else None
        is_same = remembered is not None and self.memo is not None and part.is_same_as(remembered, self.memo.settled_ns)
        if remembered is not None and is_same and self.recalled.has_all(_files_in(part, remembered.digests)):
            seen = SeenPart(part.joined, part.packed, remembered.digests, True)
            if self.progress is not SILENT:
                self.progress.advance(sum(row[2] for row in part.rows), len(part.names) - len(part.folders()))
        else:
            check_names(part, before[:-1])
            seen = self._read_part(part, known, parent, before)
        self.writer.add(encode_part(seen.joined, seen.packed, seen.digests, is_last=part.is_last))
        return seen

    def _read_part(self, part: Part, known: KnownDirectory | None, parent: int, before: bytes) -> SeenPart:
        rows, digests = list(part.rows), []
        for number, (name, row) in enumerate(zip(part.names, part.rows, strict=True)):
            digest, size = NO_DIGEST, row[2]
            if stat.S_ISREG(row[0]):
                found = known.find(name) if known is not None else None
                if found is not None and found[0] == row and self.recalled.has_all(found[1]):
                    digest = found[1]
                else:
                    source = part.objects.get(name, name) if part.objects else name
                    rows[number], ref = capture_file(source, row, parent, before + name, self.sink, self.progress)
                    digest, size = bytes.fromhex(ref.digest[3:]), 0  # its bytes were told as they were read
            digests.append(digest)
            if not stat.S_ISDIR(row[0]):
                self.progress.advance(size, 1)
        packed = part.packed if rows == part.rows else pack_rows(rows)
        return SeenPart(part.joined, packed, b"".join(digests), False)


def _files_in(part: Part, digests: bytes) -> bytes:
    """Return the digests that are files': neither links nor directories have any."""
    if all(map(stat.S_ISREG, part.modes)):
        return digests
    return b"".join(
        digests[32 * number : 32 * number + 32] for number, row in enumerate(part.rows) if stat.S_ISREG(row[0])
    )
