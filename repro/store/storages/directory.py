"""A remote in a directory of this machine or of a mounted disk, without fsspec, whose import takes 0.1 s."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from repro.store.files.file_copy import copy_rest
from repro.store.files.flushing import flush_file, flush_files
from repro.store.files.shared_folders import is_shared, make_folder
from repro.store.files.temp_files import sweep, write_all
from repro.store.storages.storage import StoredFile, Unfinished

TEMP_PREFIX = ".repro-tmp-"
_WORKSHOP = f"{TEMP_PREFIX}workshop"


class DirectoryStorage:
    """Files under one directory, which is made at the first write."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._unflushed: set[str] = set()
        self._mode: int | None = None

    def is_file(self) -> bool:
        """Whether there is a file where the directory should be."""
        try:
            return not stat.S_ISDIR(os.stat(self._root).st_mode)
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            return True

    def top_names(self) -> list[str]:
        """Return the names in the directory, without what a killed write left."""
        try:
            return sorted(name for name in os.listdir(self._root) if not name.startswith(TEMP_PREFIX))
        except FileNotFoundError:
            return []

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Copy a file, and rename the copy to its name; or rename the file, if it is to be moved and can be.

        Its bytes are on the disk then, for `flush` to have less to wait for: others are sent meanwhile.
        """
        if move and self._renamed(path, name):
            return
        with open(path, "rb") as source, self._appearing(name) as target:
            copy_rest(source.fileno(), target)
            os.fsync(target)
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write a file beside, and rename it to its name."""
        with self._appearing(name) as target:
            write_all(target, data)

    def open(self, name: str) -> BinaryIO:
        """Return the open file."""
        return open(self._path(name), "rb")

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes of a range, as far as the file goes."""
        with open(self._path(name), "rb", buffering=0) as file:
            length = min(length, max(0, os.fstat(file.fileno()).st_size - offset))
            found = os.pread(file.fileno(), length, offset)
            while len(found) < length and (more := os.pread(file.fileno(), length - len(found), offset + len(found))):
                found += more  # one call gives up to 2 GiB, and a network's file system may give less
            return found

    def size(self, name: str) -> int:
        """Return the file's length."""
        found = os.stat(self._path(name))
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(self._path(name))
        return found.st_size

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the regular files below a subdirectory."""
        found = []
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            try:
                entries = list(os.scandir(self._path(folder)))
            except FileNotFoundError:
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.name.startswith(TEMP_PREFIX):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.is_file():
                    with contextlib.suppress(FileNotFoundError):  # deleted in this moment
                        status = entry.stat()
                        found.append(StoredFile(name, status.st_size, status.st_mtime))
        return found

    def delete(self, name: str) -> None:
        """Remove a file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def unfinished(self) -> list[Unfinished]:
        """Return the temporary files, and what is in the workshop."""
        found = []
        for folder, _, names in os.walk(self._root):
            is_workshop = os.path.basename(folder) == _WORKSHOP
            for name in names:
                if is_workshop or name.startswith(TEMP_PREFIX):
                    path = f"{folder}/{name}"
                    with contextlib.suppress(FileNotFoundError):  # it has its name in this moment
                        status = os.lstat(path)
                        found.append(Unfinished(path, status.st_size, status.st_mtime))
        return found

    def drop(self, unfinished: Unfinished) -> None:
        """Remove a temporary file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished.name)

    def workshop(self) -> str | None:
        """Return a folder within the directory; None where somebody else made it and one may not write there."""
        folder = self._path(_WORKSHOP)
        make_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            return None
        sweep(folder)
        return folder

    def flush(self) -> None:
        """Flush what was written since the last time, files and directories."""
        paths, self._unflushed = self._unflushed, set()
        flush_files(paths, self._root)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _renamed(self, source: str, name: str) -> bool:
        """Whether a file could be renamed to its name, with the mode and the time of a file written there."""
        target = self._path(name)
        make_folder(os.path.dirname(target))
        try:
            os.chmod(source, self._new_mode())
            os.utime(source)
            flush_file(source)
            os.rename(source, target)
        except OSError as error:
            if error.errno in (errno.EXDEV, errno.EPERM):  # another file system; or another's file, which is copied
                return False
            raise
        self._unflushed.add(target)
        return True

    def _new_mode(self) -> int:
        """Return the mode that new files have here: the umask, which threads cannot ask for, is in it."""
        if self._mode is None:
            with self._new_file(self._root) as (descriptor, temp):
                self._mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.unlink(temp)
        return self._mode

    @contextlib.contextmanager
    def _appearing(self, name: str) -> Iterator[int]:
        """Yield a descriptor to write to; the file has its name afterwards, or is gone."""
        path = self._path(name)
        folder = os.path.dirname(path)
        make_folder(folder)
        with self._new_file(folder) as (descriptor, temp):
            yield descriptor
            os.rename(temp, path)
        self._unflushed.add(path)

    @contextlib.contextmanager
    def _new_file(self, folder: str) -> Iterator[tuple[int, str]]:
        """Yield a descriptor to write to and its path, which an error removes."""
        temp = f"{folder}/{TEMP_PREFIX}{os.urandom(8).hex()}"
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            if is_shared(self._root):
                os.fchmod(descriptor, 0o444)
            yield descriptor, temp
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp)
            raise
        finally:
            os.close(descriptor)
