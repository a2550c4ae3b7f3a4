"""Git's index, read only: which paths are tracked, and a cache of what their bytes were when git last looked."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from repro.code.git_objects import MODE_GITLINK
from repro.code.repository import UnsupportedRepository
from repro.model.dataclass import dataclass
from repro.model.names import name_to_text

if TYPE_CHECKING:
    from dulwich.object_format import ObjectFormat
    from dulwich.repo import Repo

_SKIP_WORKTREE = 0x4000  # in the extended flags; source: git's Documentation/gitformat-index.txt


@dataclass(frozen=True, slots=True)
class CachedFile:
    """What the index says of one path.

    `stamp` is (mtime ns, ctime ns, inode, size) as of the time when git compared the file with the blob
    `oid`; None where it cannot be trusted (a conflict, or a file written in the instant of the index itself).
    """

    mode: int
    oid: bytes
    stamp: tuple[int, int, int, int] | None
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """The paths in the index, and the directories above them."""

    files: Mapping[bytes, CachedFile]
    directories: frozenset[bytes]

    def is_gitlink(self, path: bytes) -> bool:
        """Whether the index has a submodule at `path`."""
        entry = self.files.get(path)
        return entry is not None and entry.mode == MODE_GITLINK


def stamp_of(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what `CachedFile.stamp` is compared with; inode and size as the index has them, in 32 bits."""
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)


def read_tracked(repo: Repo) -> Tracked:
    """Read the index; a repository without one tracks nothing.

    Raises:
        UnsupportedRepository: a split or sparse index, or one of an unknown version, or a damaged one.
    """
    path = repo.index_path()
    try:
        return _read_index(path, stamp_of(os.stat(path)), repo.object_format)
    except FileNotFoundError:
        return Tracked({}, frozenset())


# A run looks at the index before and after the command, and git replaces the file with each change.
@lru_cache(maxsize=4)
def _read_index(path: str, stamp: tuple[int, int, int, int], object_format: ObjectFormat) -> Tracked:
    """Read the index file, which its `stamp` (of `stamp_of`) tells from the file that takes its place."""
    from dulwich.errors import ChecksumMismatch
    from dulwich.index import Index, UnsupportedIndexFormat

    try:
        index = Index(path, object_format=object_format)
    except (ChecksumMismatch, UnsupportedIndexFormat, AssertionError, ValueError, struct.error) as error:
        raise _unreadable(path) from error
    files = {}
    for name, entry in index.iteritems():
        files[name] = _cached(entry, stamp[0])
        if name.endswith(b"/"):
            raise _unreadable(path)
    return Tracked(files, frozenset(_parents(files)))


def _unreadable(path: str) -> UnsupportedRepository:
    return UnsupportedRepository(
        f"the git index {name_to_text(os.fsencode(path))} cannot be read: it is split, sparse or damaged",
        "git update-index --no-split-index, git sparse-checkout reapply --no-sparse-index, or git reset",
    )


def _cached(entry: object, written: int) -> CachedFile:
    from dulwich.index import IndexEntry

    if not isinstance(entry, IndexEntry):
        return CachedFile(0, b"", None)
    mtime, ctime = _nanoseconds(entry.mtime), _nanoseconds(entry.ctime)
    # Git's rule for "racily clean" entries: a file may have changed after git looked at it, in the very
    # instant in which the index was written. Source: git's Documentation/technical/racy-git.txt.
    stamp = None if mtime >= written else (mtime, ctime, entry.ino, entry.size)
    return CachedFile(entry.mode, bytes(entry.sha), stamp, bool(entry.extended_flags & _SKIP_WORKTREE))


def _nanoseconds(time: int | float | tuple[int, int]) -> int:
    if isinstance(time, tuple):
        return time[0] * 1_000_000_000 + time[1]
    return int(time * 1_000_000_000)


def _parents(paths: Mapping[bytes, CachedFile]) -> set[bytes]:
    found: set[bytes] = set()
    for path in paths:
        cut = path.rfind(b"/")
        while cut > 0 and path[:cut] not in found:
            found.add(path[:cut])
            cut = path.rfind(b"/", 0, cut)
    return found
