"""A remote in a directory of this machine or of a mounted disk, without fsspec, whose import takes 0.1 s."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from repro.store.temp_files import write_all

_BLOCK = 1024 * 1024
_FEW = 32  # up to here, one fsync per file is cheaper than flushing every file system of the machine
TEMP_PREFIX = ".repro-tmp-"


class DirectoryStorage:
    """Files under one directory, which is made at the first write."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._unflushed: set[str] = set()

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

    def put_file(self, name: str, path: str) -> None:
        """Copy a file, and rename the copy to its name."""
        with open(path, "rb") as source, self._appearing(name) as target:
            while block := source.read(_BLOCK):
                write_all(target, block)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write a file beside, and rename it to its name."""
        with self._appearing(name) as target:
            write_all(target, data)

    def open(self, name: str) -> BinaryIO:
        """Return the open file."""
        return open(self._path(name), "rb")

    def size(self, name: str) -> int:
        """Return the file's length."""
        found = os.stat(self._path(name))
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(self._path(name))
        return found.st_size

    def names_below(self, prefix: str) -> list[str]:
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
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.is_file():
                    found.append(name)
        return found

    def flush(self) -> None:
        """Flush what was written since the last time, files and directories."""
        paths, self._unflushed = self._unflushed, set()
        if len(paths) > _FEW:
            os.sync()
            return
        for path in [*paths, *{os.path.dirname(path) for path in paths}, *([self._root] if paths else [])]:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextlib.contextmanager
    def _appearing(self, name: str) -> Iterator[int]:
        """Yield a descriptor to write to; the file has its name afterwards, or is gone."""
        path = self._path(name)
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        temp = f"{folder}/{TEMP_PREFIX}{os.urandom(8).hex()}"
        descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            try:
                yield descriptor
            finally:
                os.close(descriptor)
            os.rename(temp, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp)
            raise
        self._unflushed.add(path)
