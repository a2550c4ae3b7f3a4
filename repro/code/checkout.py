"""Writing a checked tree's files, and the git index that goes with them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from repro.code import git_objects as git
from repro.code.untrusted_pack import UntrustedPack
from repro.model.dataclass import dataclass

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A path that was written: git's mode, the blob's hex id, and what `lstat` says of it."""

    path: bytes
    mode: int
    oid: bytes
    stat: os.stat_result


class Checkout:
    """Writes into an open directory and never through a symlink: each name is relative to a directory's descriptor."""

    def __init__(self, pack: UntrustedPack, root: bytes) -> None:
        """`pack` must have passed `check_code`; `root` must be a directory."""
        self._pack = pack
        self._root = root
        self.written: list[WrittenFile] = []
        self.gitlinks: dict[bytes, bytes] = {}

    def write(self, tree: bytes) -> None:
        """Write all files below the tree with this hex id.

        Raises:
            OSError: with the full path, where the file system refuses.
        """
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._directory(descriptor, tree, b"")
        finally:
            os.close(descriptor)

    def _directory(self, parent: int, tree: bytes, prefix: bytes) -> None:
        for entry in git.parse_tree(self._pack.read(tree)):
            path = prefix + entry.name
            try:
                if entry.mode in (git.MODE_TREE, git.MODE_GITLINK):
                    os.mkdir(entry.name, dir_fd=parent)
                else:
                    self._leaf(parent, entry, path)
                    continue
            except OSError as error:
                # The system knows only the last name; whoever reads the message needs the path.
                raise OSError(error.errno, error.strerror, os.fsdecode(os.path.join(self._root, path))) from error
            if entry.mode == git.MODE_GITLINK:
                self._add_gitlink(parent, entry, path)
                continue
            descriptor = os.open(entry.name, _DIRECTORY, dir_fd=parent)
            try:
                self._directory(descriptor, entry.oid, path + b"/")
            finally:
                os.close(descriptor)

    def _leaf(self, parent: int, entry: git.TreeEntry, path: bytes) -> None:
        if entry.mode == git.MODE_SYMLINK:
            os.symlink(self._pack.read(entry.oid), entry.name, dir_fd=parent)
            status = os.stat(entry.name, dir_fd=parent, follow_symlinks=False)
            self.written.append(WrittenFile(path, entry.mode, entry.oid, status))
            return
        executable = entry.mode == git.MODE_EXECUTABLE
        descriptor = os.open(entry.name, _NEW_FILE, 0o777 if executable else 0o666, dir_fd=parent)
        with open(descriptor, "wb") as file:
            self._pack.write_to(entry.oid, file.write)
            file.flush()
            status = os.fstat(descriptor)
        mode = git.MODE_EXECUTABLE if executable else git.MODE_FILE
        self.written.append(WrittenFile(path, mode, entry.oid, status))

    def _add_gitlink(self, parent: int, entry: git.TreeEntry, path: bytes) -> None:
        self.gitlinks[path] = entry.oid
        status = os.stat(entry.name, dir_fd=parent, follow_symlinks=False)
        self.written.append(WrittenFile(path, entry.mode, entry.oid, status))


def write_index(path: str, written: Sequence[WrittenFile]) -> None:
    """Write a git index in which all of `written` is unchanged."""
    from dulwich.index import Index, IndexEntry
    from dulwich.objects import ObjectID

    index = Index(path, read=False)
    for item in written:
        status = item.stat
        index[item.path] = IndexEntry(
            ctime=divmod(status.st_ctime_ns, 1_000_000_000),
            mtime=divmod(status.st_mtime_ns, 1_000_000_000),
            dev=status.st_dev & 0xFFFFFFFF,
            ino=status.st_ino & 0xFFFFFFFF,
            mode=item.mode,
            uid=status.st_uid & 0xFFFFFFFF,
            gid=status.st_gid & 0xFFFFFFFF,
            size=status.st_size & 0xFFFFFFFF if stat.S_IFMT(item.mode) != git.MODE_GITLINK else 0,
            sha=ObjectID(item.oid),
        )
    index.write()
