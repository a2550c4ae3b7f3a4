"""What a stat memo says of files that may stand already, for who would else read them. It is asked directory by
directory; where it is damaged, or there is none, it knows nothing."""

from __future__ import annotations

import stat

from repro.data.known_directory import KnownDirectory
from repro.data.memo import Memo, digest_bytes
from repro.data.memo_records import BadMemo
from repro.data.rows import look
from repro.model.data.content import Content, Kind


class Hints:
    """Of one directory. First its files are asked for, sorted by name, then its subdirectories, then it is left.

    What it says holds wherever it stands in the memo: a row has the inode in it, so it is true of that file.
    """

    def __init__(self, memo: Memo | None) -> None:
        """Take a memo whose next record is the directory's first part."""
        self._memo = memo
        self._known = KnownDirectory(memo) if memo is not None else None
        self._is_drained = False

    def hold(self, name: bytes, content: Content, folder: int) -> bool:
        """Whether the file `name` in an open directory has this content: no means that it must be read.

        Raises:
            OSError: of the system's, from looking at the file.
        """
        if self._known is None or content.kind not in (Kind.FILE, Kind.EXECUTABLE):
            return False
        try:
            found = self._known.find(name)
        except (BadMemo, OSError):
            self._known = None
            return False
        if found is None or found[1] != digest_bytes(content):
            return False
        row = look(name, folder)
        is_executable = bool(row[0] & stat.S_IXUSR)
        return row == found[0] and row[2] == content.size and is_executable == (content.kind is Kind.EXECUTABLE)

    def enter(self, folder: bytes) -> Hints:
        """Return what is known of a subdirectory, which is to be left before the next one is entered."""
        if self._known is not None:
            try:
                if not self._is_drained:
                    self._known.drain()
                    self._is_drained = True
                if self._known.reaches(folder):
                    return Hints(self._memo)
            except (BadMemo, OSError):
                self._known = None
        return Hints(None)

    def leave(self) -> None:
        """Pass over the rest."""
        if self._known is None:
            return
        try:
            if not self._is_drained:
                self._known.drain()
            self._known.close()
        except (BadMemo, OSError):
            self._known = None
