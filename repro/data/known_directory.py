"""What a stat memo knows of one directory, read alongside the directory's own names."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator, Sequence

from repro.data.memo import Memo
from repro.data.memo_records import BadMemo, Closing, KnownPart, folders_in, read_closing, read_part, skip_directory
from repro.data.rows import Row
from repro.model.names import RelPath


class KnownDirectory:
    """What is remembered of one directory, read alongside its names, in their order."""

    def __init__(self, memo: Memo) -> None:
        """Take a memo whose next record is the directory's first part."""
        self._file, self._settled_ns = memo.file, memo.settled_ns
        self._part: KnownPart | None = None
        self._entries: dict[bytes, tuple[Row, bytes]] | None = None
        self._asked: bytes | None = None
        self._passed = 0
        self.folders: list[bytes] = []

    def next_part(self, names: Sequence[bytes]) -> KnownPart | None:
        """Return the part that may be that of these names; None after the last, and where parts end at other names.

        Raises:
            BadMemo, OSError: there is no such thing.
        """
        is_aligned = self._part is None or (self._part.count > 0 and self._asked == self._last)
        self._asked = names[-1] if names else None
        return self._advance() if is_aligned else None

    def find(self, name: bytes) -> tuple[Row, bytes] | None:
        """Return the row and the digest of a file that can be trusted; each name asked for is after the last one.

        Raises:
            BadMemo, OSError: as `next_part`.
        """
        while self._part is None or not self._part.count or self._last < name:
            if self._advance() is None:
                return None
        if self._entries is None:
            self._entries = _entries_of(self._part)
        found = self._entries.get(name)
        return found if found and max(found[0][3:]) < self._settled_ns else None

    def drain(self) -> bool:
        """Read to the last part, so that `folders` is complete; return whether there was one more.

        Raises:
            BadMemo, OSError: as `next_part`.
        """
        more = self._advance() is not None
        while self._advance() is not None:
            more = True
        return more

    @property
    def _last(self) -> bytes:
        assert self._part is not None
        start = self._part.body.rfind(b"\0", 0, self._part.names_length) + 1
        return self._part.body[start : self._part.names_length]

    def _advance(self) -> KnownPart | None:
        if self._part is not None and self._part.is_last:
            return None
        self._part, self._entries = read_part(self._file), None
        self.folders += folders_in(self._part)
        return self._part

    def reaches(self, folder: bytes) -> bool:
        """Whether the memo's next records are those of the subdirectory `folder`: what comes before it is passed over.

        The names that are asked for are sorted, and `drain` was called before the first.

        Raises:
            BadMemo, OSError: as `next_part`.
        """
        while self._passed < len(self.folders) and self.folders[self._passed] < folder:
            skip_directory(self._file)
            self._passed += 1
        if self._passed == len(self.folders) or self.folders[self._passed] != folder:
            return False
        self._passed += 1
        return True

    def close(self) -> Closing:
        """Pass over the subdirectories that are left, and return what closes the directory.

        Raises:
            BadMemo, OSError: as `next_part`.
        """
        for _ in self.folders[self._passed :]:
            skip_directory(self._file)
        return read_closing(self._file)


def remembered_files(memo: Memo, path: RelPath) -> Iterator[tuple[bytes, Row, bytes]]:
    """Yield path, row and digest of the files that are remembered at and below `path`; a damaged memo ends there."""
    name = path.rsplit(b"/", 1)[-1]
    with contextlib.suppress(BadMemo, OSError):
        folders: list[bytes] = []
        yield from _files_of(memo, path[: -len(name)], folders)
        to_enter = [folders]
        while to_enter:
            if to_enter[-1]:
                folder = to_enter[-1].pop(0)
                folders = []
                yield from _files_of(memo, folder + b"/", folders)
                to_enter.append(folders)
            else:
                to_enter.pop()
                if to_enter:
                    read_closing(memo.file)


def _files_of(memo: Memo, before: bytes, folders: list[bytes]) -> Iterator[tuple[bytes, Row, bytes]]:
    """Yield the files of one directory, and note its subdirectories."""
    is_last = False
    while not is_last:
        part = read_part(memo.file)
        is_last = part.is_last
        folders += [before + folder for folder in folders_in(part)]
        for name, (row, digest) in _entries_of(part).items():
            if stat.S_ISREG(row[0]):
                yield before + name, row, digest


def _entries_of(part: KnownPart) -> dict[bytes, tuple[Row, bytes]]:
    digests = part.digests
    parted = (digests[start : start + 32] for start in range(0, len(digests), 32))
    return dict(zip(part.names(), zip(part.rows(), parted, strict=True), strict=True))
