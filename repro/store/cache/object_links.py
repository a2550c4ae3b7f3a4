"""Links from the work tree to the store's own files, in the order of ways that the settings ask for."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence

from repro.model.data.content import ObjectRef
from repro.model.data.links import Linker, Way
from repro.store.cache.cache import Cache
from repro.store.files.reflink import reflink

# What the kernel says where this way does not work between these two places: another file system, one without links,
# too many links to one file (65,000 on ext4), a file of another user (`fs.protected_hardlinks`).
_NOT_HERE = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS}

# An object's file is read-only and not executable. One that somebody has opened is no longer led to.
_OPENED = 0o333


def linker_for(cache: Cache, ways: Sequence[Way]) -> Linker | None:
    """Return who makes links in these ways; None where copies do, which share blocks wherever that is possible."""
    tried = list(ways[: ways.index(Way.COPY)] if Way.COPY in ways else ways)
    while tried and tried[-1] is Way.REFLINK:
        tried.pop()
    return _ObjectLinks(cache, tried) if tried else None


class _ObjectLinks:
    def __init__(self, cache: Cache, ways: Sequence[Way]) -> None:
        self._cache = cache
        self._ways = ways

    def link(self, ref: ObjectRef, name: bytes, folder: int) -> Way | None:
        path = self._cache.path_of(ref.digest)
        for way in self._ways:
            with contextlib.suppress(FileNotFoundError):  # no such object: `verify` says it
                if not self._made(way, path, name, folder):
                    continue
            self._cache.verify(ref)
            return way
        return None

    def _made(self, way: Way, path: str, name: bytes, folder: int) -> bool:
        if way is Way.REFLINK:
            return _cloned(path, name, folder)
        mode = os.lstat(path).st_mode
        if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & _OPENED:
            return False
        try:
            if way is Way.HARDLINK:
                os.link(path, name, dst_dir_fd=folder)
            else:
                os.symlink(os.fsencode(path), name, dir_fd=folder)
        except OSError as error:
            if error.errno in _NOT_HERE:
                return False
            raise
        return True


def _cloned(path: str, name: bytes, folder: int) -> bool:
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(name, flags, 0o666, dir_fd=folder)
        try:
            done = reflink(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)
    if not done:
        os.unlink(name, dir_fd=folder)
    return done
