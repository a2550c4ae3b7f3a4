"""The descriptors of packs that are read from: a few stay open, so that a record costs one `pread`."""

from __future__ import annotations

import errno
import os
import stat
import threading

from repro.model.digest import Digest, hex_of
from repro.model.packs.pack_index_format import PackFile

_LIMIT = 64  # descriptors: 4 GiB of packs, and far below what a process may open


class OpenPack:
    """An open pack. It is closed when nobody refers to it any more: another thread may still be reading."""

    __slots__ = ("descriptor", "modified", "path")

    def __init__(self, path: str, descriptor: int, modified: float) -> None:
        """Take over a descriptor; `modified` is the file's time in seconds since the epoch."""
        self.path = path
        self.descriptor = descriptor
        self.modified = modified

    def __del__(self) -> None:
        os.close(self.descriptor)


class OpenPacks:
    """The packs `<64 hex>` in a folder."""

    def __init__(self, folder: str) -> None:
        """Take the folder, which need not exist."""
        self.folder = folder
        self._open: dict[Digest, OpenPack] = {}
        self._lock = threading.Lock()

    def path_of(self, digest: Digest) -> str:
        """Return where a pack is, or would be."""
        return f"{self.folder}/{hex_of(digest)}"

    def get(self, pack: PackFile) -> OpenPack | None:
        """Return a pack, None where there is none of this name and length: then nothing is in it."""
        with self._lock:
            found = self._open.pop(pack.digest, None)
            if found is not None:
                self._open[pack.digest] = found  # the last one used is the last to go
                return found
        found = self._opened(pack)
        if found is not None:
            with self._lock:
                self._open[pack.digest] = found
                if len(self._open) > _LIMIT:
                    del self._open[next(iter(self._open))]
        return found

    def forget(self, digest: Digest) -> None:
        """Look for the pack again when it is asked for the next time."""
        with self._lock:
            self._open.pop(digest, None)

    def _opened(self, pack: PackFile) -> OpenPack | None:
        path = self.path_of(pack.digest)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                return None
            raise
        status = os.fstat(descriptor)
        found = OpenPack(path, descriptor, status.st_mtime)
        return found if stat.S_ISREG(status.st_mode) and status.st_size == pack.length else None
