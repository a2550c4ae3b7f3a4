"""A directory that does not stand yet: made under another name with all that is in it, then moved into place whole.

Nobody sees it before, so its files are written straight to their names, without a temporary name and a rename for
each, and what is to be remembered of them is known without another look.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager

from repro.data.captured_file import READ_WHOLE
from repro.data.hollow import make_hollow
from repro.data.memo import MemoWriter, digest_bytes
from repro.data.memo_records import NO_DIGEST, PART, Closing, encode_closing, encode_part
from repro.data.open_safely import named, naming, open_directory
from repro.data.removal import remove_entry
from repro.data.rows import FOLDER, Row, pack_rows, row_of
from repro.data.standing import read_directory, ref_of
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.links import Linker, is_linkable
from repro.model.data.tree import Entry
from repro.model.data.tree_objects import TreeSource
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.progress import Progress

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def held_directory(workshop: int, shown: bytes) -> Iterator[bytes]:
    """Make a directory with a temporary name in an open directory, and yield the name; it is gone afterwards, or moved.

    As long as it is held, it is locked: one that is not is what a kill has left (see `repro.data.staging`).
    """
    import fcntl

    while True:
        name = f".repro-tmp-{os.urandom(8).hex()}".encode()
        with naming(shown, "making the directory"):
            os.mkdir(name, 0o777, dir_fd=workshop)
        descriptor = open_directory(name, workshop, shown)
        try:
            _lock(descriptor, fcntl.LOCK_SH)
            if os.fstat(descriptor).st_nlink:  # else it was taken for a leftover before it was locked
                yield name
                return
        finally:
            os.close(descriptor)
            remove_entry(name, workshop, shown)


def remove_left_over(name: bytes, folder: int) -> None:
    """Remove a temporary directory that nobody holds; where locks do not work, nobody can tell, and it stays."""
    import fcntl

    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    try:
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            remove_entry(name, folder, name)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


@dataclass(slots=True)
class Filling:
    """Fills fresh directories, and notes in `remember` what is in them. `files` is how many files and links there are.
    `told`: the bytes of the file in the making that progress knows of. `only`: the files whose content is placed, where
    the others are to be hollow.

    Raises, all of its methods:
        MissingObject, CorruptObject, BadTree, WrongSize: from `source`.
        OSError: with the path: the disk is full, a file system does not take a name.
    """

    source: TreeSource
    progress: Progress
    linker: Linker | None
    remember: MemoWriter | None
    only: Container[Digest] | None = None
    files: int = field(default=0)
    told: int = field(default=0)

    def fill(self, content: Content, descriptor: int, shown: bytes, depth: int) -> None:
        """Make everything that is in the directory `content`, in the open directory. One Python frame per level."""
        entries = read_directory(content, self.source, shown, depth)
        rows = [self._entry(entry, descriptor, shown) for entry in entries]
        folders = [entry for entry in entries if entry.content.kind is Kind.DIRECTORY]
        files_before = self.files
        self.files += len(entries) - len(folders)
        if self.remember is not None:
            self._note(entries, rows, self.remember)
        del rows
        for entry in folders:
            inner = shown + b"/" + entry.name
            below = open_directory(entry.name, descriptor, inner)
            try:
                self.fill(entry.content, below, inner, depth + 1)
            finally:
                os.close(below)
        if self.remember is not None:
            closing = Closing(content.size, self.files - files_before, digest_bytes(content))
            self.remember.add(encode_closing(closing))

    def _entry(self, entry: Entry, folder: int, shown: bytes) -> Row:
        """Make one name, and return its row."""
        content, name = entry.content, entry.name
        if content.kind is Kind.DIRECTORY:
            with naming(shown + b"/" + name, "making the directory"):
                os.mkdir(name, 0o777, dir_fd=folder)
            return FOLDER
        if content.target is not None:
            with naming(shown + b"/" + name, "making the link"):
                os.symlink(content.target, name, dir_fd=folder)
            row = row_of(os.lstat(name, dir_fd=folder))
        else:
            row = self._file(content, name, folder, shown)
        self.progress.advance(content.size - self.told, 1)
        self.told = 0
        return row

    def _file(self, content: Content, name: bytes, folder: int, shown: bytes) -> Row:
        ref = ref_of(content)
        if self.only is not None and ref.digest not in self.only:
            make_hollow(name, folder, ref.size, content.kind is Kind.EXECUTABLE, shown + b"/" + name)
            return row_of(os.lstat(name, dir_fd=folder))
        if self.linker and is_linkable(content):
            with naming(shown + b"/" + name, "writing it"):
                if self.linker.link(ref, name, folder):
                    return row_of(os.stat(name, dir_fd=folder))
        data = self.source.read(ref) if ref.size <= READ_WHOLE else None
        executable = content.kind is Kind.EXECUTABLE
        try:
            # The kernel takes the umask off the mode.
            descriptor = os.open(name, _NEW, 0o777 if executable else 0o666, dir_fd=folder)
            try:
                self._write(descriptor, data, ref)
                row = row_of(os.fstat(descriptor))
                if executable and not row[0] & stat.S_IXUSR:
                    row = _made_executable(descriptor, row[0])
            finally:
                os.close(descriptor)
        except OSError as error:
            if isinstance(error.__cause__, OSError):  # nearer to it, somebody knew more
                raise
            raise named(error, shown + b"/" + name, "writing it") from error
        return row

    def _write(self, descriptor: int, data: bytes | None, ref: ObjectRef) -> None:
        if data is None:
            self.source.copy_to(ref, descriptor, self._tell)
            return
        done = os.write(descriptor, data)
        while done < len(data):
            done += os.write(descriptor, data[done:])

    def _tell(self, size: int) -> None:
        """Tell of a large file while it is written."""
        self.told += size
        self.progress.advance(size)

    def _note(self, entries: tuple[Entry, ...], rows: list[Row], remember: MemoWriter) -> None:
        for start in range(0, max(len(entries), 1), PART):
            some = entries[start : start + PART]
            digests = [NO_DIGEST if e.content.kind is Kind.DIRECTORY else digest_bytes(e.content) for e in some]
            joined = b"\0".join([entry.name for entry in some])
            is_last = start + PART >= len(entries)
            packed = pack_rows(rows[start : start + PART])
            remember.add(encode_part(joined, packed, b"".join(digests), is_last=is_last))


def _made_executable(descriptor: int, mode: int) -> Row:
    """A umask that takes the owner's own bit must not change what is recorded."""
    os.fchmod(descriptor, stat.S_IMODE(mode) | stat.S_IXUSR)
    return row_of(os.fstat(descriptor))
