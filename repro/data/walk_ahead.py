"""The walk of a capture: what stands where, and what of it has to be read. It may be ahead of the reading.

All that is remembered of a path is asked for here, in the order in which it was written down. What is read, the trees
and what is to be remembered next are `repro.data.capture`'s.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence

from repro.data.captured_file import READ_WHOLE
from repro.data.captured_tree import SeenPart
from repro.data.files_to_read import encode_files
from repro.data.known_directory import KnownDirectory
from repro.data.memo import Memo
from repro.data.memo_records import NO_DIGEST, BadMemo, Closing
from repro.data.scan import Part, StoreRoot, check_names, enter, list_directory, look_at
from repro.errors import ReproError
from repro.model.data.tree_objects import KnowingSink, Reading, Recalled, shares
from repro.model.dataclass import dataclass, field
from repro.model.names import RelPath

FILES_SHARED = 96
"""Files that are given to another process at a time: to give it some takes as long as to read two."""

_TOO_FEW = 8

_NAMES_AHEAD = 8192
_FOUND_AHEAD = 64
"""How far the walk is ahead: files that are being read elsewhere, and parts and directories, which are open."""

_UNKNOWN = Closing(0, 0, NO_DIGEST)


@dataclass(slots=True, eq=False)
class FoundDirectory:
    """A directory that the walk has entered. `parts` and the closings in `folders` come as they are read.

    `is_same` is whether it is as remembered; then `closing` says as what.
    """

    name: bytes
    shown: bytes
    descriptor: int
    depth: int
    outer: FoundDirectory | None
    memo: Memo | None
    known: KnownDirectory | None
    parts: list[SeenPart] = field(default_factory=list)
    folders: dict[bytes, Closing] = field(default_factory=dict)
    is_same: bool = False
    closing: Closing | None = None


@dataclass(slots=True, eq=False)
class FoundPart:
    """A part of a directory's names, in the open directory `folder`, or the path itself, with `directory` None.

    `digests` are those of its names, as far as they are known; the files `unread` (their numbers) have none yet, and
    some of them are being read elsewhere.
    """

    part: Part
    folder: int
    before: bytes
    directory: FoundDirectory | None
    is_same: bool
    digests: list[bytes]
    unread: list[int]
    shared: list[tuple[Sequence[int], Reading]]

    @property
    def names_shared(self) -> int:
        """How many files are being read elsewhere."""
        return sum(len(numbers) for numbers, _ in self.shared)

    def take_shared(self) -> None:
        """Wait for those files, and take their digests; errors as `Reading.digests`."""
        for numbers, reading in self.shared:
            found = reading.digests()
            if found is not None:
                for at, number in enumerate(numbers):
                    self.digests[number] = found[32 * at : 32 * at + 32]


@dataclass(frozen=True, slots=True)
class LeftDirectory:
    """All that is in a directory was found."""

    directory: FoundDirectory
    names_shared = 0


class WalkAhead:
    """Finds parts and directories. Whoever takes them closes each directory by `leave`, and all by `close`."""

    def __init__(self, sink: KnowingSink, recalled: Recalled, memo: Memo | None, store: StoreRoot | None) -> None:
        """Ask `recalled` what need not be read again; `sink` may share what has to be read."""
        self._recalled = recalled
        self._memo = memo
        self._store = store
        self._sharing = sink if shares(sink) else None
        self._open: set[int] = set()

    def found(self, parent: int, path: RelPath) -> Iterator[FoundPart | LeftDirectory]:
        """Yield what stands at `path`: itself, then, of a directory, its parts, its subdirectories, and its end.

        Raises:
            BadMemo: what is remembered does not belong to this.
            Others as `repro.data.capture.capture`.
        """
        name = path.rsplit(b"/", 1)[-1]
        part = look_at(name, parent, path, self._store)
        known = KnownDirectory(self._memo) if self._memo else None
        yield self._part(part, known, parent, path[: -len(name)], None)
        if part.folders():
            is_known = known is not None and not known.drain() and known.reaches(name)
            yield from self._directories(self._entered(name, parent, path, None, self._memo if is_known else None))

    def leave(self, directory: FoundDirectory) -> None:
        """Close a directory."""
        self._open.remove(directory.descriptor)
        os.close(directory.descriptor)

    def close(self) -> None:
        """Close all directories that nobody left."""
        while self._open:
            os.close(self._open.pop())

    def _directories(self, top: FoundDirectory) -> Iterator[FoundPart | LeftDirectory]:
        """Yield what is in a directory. No call for each level: 512 are allowed, the stack has not much more."""
        yield from self._listed(top)
        stack = [(top, iter(list(top.folders)))]
        while stack:
            here, folders = stack[-1]
            folder = next(folders, None)
            if folder is not None:
                memo = here.memo if here.known is not None and here.known.reaches(folder) else None
                shown = here.shown + b"/" + folder
                inner = self._entered(folder, here.descriptor, shown, here, memo)
                yield from self._listed(inner)
                stack.append((inner, iter(list(inner.folders))))
                continue
            stack.pop()
            here.closing = here.known.close() if here.known is not None else None
            if here.outer is not None and not here.is_same:
                here.outer.is_same = False
            yield LeftDirectory(here)

    def _entered(
        self, name: bytes, parent: int, shown: bytes, outer: FoundDirectory | None, memo: Memo | None
    ) -> FoundDirectory:
        depth = 0 if outer is None else outer.depth + 1
        descriptor = enter(name, parent, shown, depth)
        self._open.add(descriptor)
        return FoundDirectory(name, shown, descriptor, depth, outer, memo, KnownDirectory(memo) if memo else None)

    def _listed(self, directory: FoundDirectory) -> Iterator[FoundPart]:
        known = directory.known
        is_same = known is not None
        for part in list_directory(directory.descriptor, directory.shown, self._store):
            found = self._part(part, known, directory.descriptor, directory.shown + b"/", directory)
            is_same = is_same and found.is_same
            directory.folders.update(dict.fromkeys(part.folders(), _UNKNOWN))
            yield found
        if known is not None and known.drain():
            is_same = False
        directory.is_same = is_same

    def _part(
        self, part: Part, known: KnownDirectory | None, folder: int, before: bytes, directory: FoundDirectory | None
    ) -> FoundPart:
        remembered = known.next_part(part.names) if known is not None else None
        is_same = (
            remembered is not None and self._memo is not None and part.is_same_as(remembered, self._memo.settled_ns)
        )
        if remembered is not None and is_same and self._recalled.has_all(_files_in(part, remembered.digests)):
            return FoundPart(part, folder, before, directory, True, [remembered.digests], [], [])
        check_names(part, before[:-1])
        digests, unread = [NO_DIGEST] * len(part.names), []
        for number, (name, row) in enumerate(zip(part.names, part.rows, strict=True)):
            if stat.S_ISREG(row[0]):
                found = known.find(name) if known is not None else None
                if found is not None and found[0] == row and self._recalled.has_all(found[1]):
                    digests[number] = found[1]
                else:
                    unread.append(number)
        return FoundPart(part, folder, before, directory, False, digests, unread, self._shared(part, folder, unread))

    def _shared(self, part: Part, folder: int, unread: Sequence[int]) -> list[tuple[Sequence[int], Reading]]:
        """Have small files read elsewhere, if they are many."""
        if self._sharing is None or len(unread) < _TOO_FEW:
            return []
        rows, names = part.rows, part.names
        small = [at for at in unread if rows[at][2] <= READ_WHOLE and names[at] not in part.objects]
        shared: list[tuple[Sequence[int], Reading]] = []
        for start in range(0, len(small), FILES_SHARED):
            some = small[start : start + FILES_SHARED]
            wanted = encode_files([names[at] for at in some], [rows[at] for at in some])
            reading = self._sharing.share(folder, wanted, [rows[at][2] for at in some])
            if reading is not None:
                shared.append((some, reading))
        return shared


def in_order(found: Iterator[FoundPart | LeftDirectory]) -> Iterator[FoundPart | LeftDirectory]:
    """Yield what was found. While other processes read some of it, the walk goes on, for them to have enough to do.

    Raises: what the walk raises, when all that it found before was taken.
    """
    waiting: deque[FoundPart | LeftDirectory] = deque()
    shared = 0
    end: Exception | None = None
    while True:
        while end is None and (not waiting or (0 < shared < _NAMES_AHEAD and len(waiting) < _FOUND_AHEAD)):
            try:
                waiting.append(next(found))
            except (StopIteration, ReproError, OSError, BadMemo) as error:
                end = error
            else:
                shared += waiting[-1].names_shared
        if not waiting:
            break
        shared -= waiting[0].names_shared
        yield waiting.popleft()
    if not isinstance(end, StopIteration):
        assert end is not None
        raise end


def _files_in(part: Part, digests: bytes) -> bytes:
    """Return the digests that are files': neither links nor directories have any."""
    if all(map(stat.S_ISREG, part.modes)):
        return digests
    return b"".join(
        digests[32 * number : 32 * number + 32] for number, row in enumerate(part.rows) if stat.S_ISREG(row[0])
    )
