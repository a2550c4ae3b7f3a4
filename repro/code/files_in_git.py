"""The files of a commit, or of the index, and how they differ from those of another commit."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from repro.code import git_objects as git
from repro.code.index_file import BadIndex, IndexFile, parse_index
from repro.code.object_reader import iterate_files, read_packed_tree, read_tree
from repro.code.repository import UnsupportedRepository
from repro.model.dataclass import dataclass
from repro.model.names import name_to_text

if TYPE_CHECKING:
    from dulwich.repo import Repo


@dataclass(frozen=True, slots=True)
class GitFile:
    """A file, symlink or submodule as git has it; `oid` is its hex id."""

    path: bytes
    mode: int
    oid: bytes


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """What stood at a path before, and what stands there now."""

    path: bytes
    before: GitFile | None
    after: GitFile | None


class FilesInGit(Protocol):
    """Files as git has them."""

    def file(self, path: bytes) -> GitFile | None:
        """Return what stands at a path; None where nothing or a directory does."""
        ...

    def below(self, folder: bytes) -> Iterator[GitFile]:
        """Yield all files below a folder, `b""` is the top."""
        ...

    def changes(self, base: bytes | None) -> Iterator[ChangedFile]:
        """Yield what differs from the tree `base` (hex id); None is the empty tree."""
        ...


class CommittedFiles:
    """The files of a git tree."""

    def __init__(self, repo: Repo, tree: bytes) -> None:
        """Take a repository and the hex id of a tree in it."""
        self._repo = repo
        self.tree = tree
        self._read: dict[bytes, dict[bytes, git.TreeEntry]] = {}

    def file(self, path: bytes) -> GitFile | None:
        """Return what stands at a path."""
        entry = self._find(path)
        return None if entry is None or entry.mode == git.MODE_TREE else GitFile(path, entry.mode, entry.oid)

    def below(self, folder: bytes) -> Iterator[GitFile]:
        """Yield all files below a folder."""
        entry = self._find(folder) if folder else git.TreeEntry(git.MODE_TREE, b"", self.tree)
        if entry is not None and entry.mode == git.MODE_TREE:
            yield from _all_below(self._repo, entry.oid, folder + b"/" if folder else b"")

    def changes(self, base: bytes | None) -> Iterator[ChangedFile]:
        """Yield what differs from the tree `base`; an equal subtree is not read."""
        yield from self._differing(base, self.tree, b"")

    def _differing(self, old: bytes | None, new: bytes | None, prefix: bytes) -> Iterator[ChangedFile]:
        if old == new:
            return
        left, right = self._entries(old), self._entries(new)
        for name in sorted(left.keys() | right.keys()):
            before, after = left.get(name), right.get(name)
            if before == after:
                continue
            path = prefix + name
            one, two = _leaf(path, before), _leaf(path, after)
            if one or two:
                yield ChangedFile(path, one, two)
            yield from self._differing(_subtree(before), _subtree(after), path + b"/")

    def _find(self, path: bytes) -> git.TreeEntry | None:
        entry: git.TreeEntry | None = None
        tree = self.tree
        for name in path.split(b"/"):
            if entry is not None:
                if entry.mode != git.MODE_TREE:
                    return None
                tree = entry.oid
            entry = self._entries(tree).get(name)
            if entry is None:
                return None
        return entry

    def _entries(self, tree: bytes | None) -> dict[bytes, git.TreeEntry]:
        if tree is None:
            return {}
        found = self._read.get(tree)
        if found is None:
            found = self._read[tree] = {entry.name: entry for entry in read_tree(self._repo, tree)}
        return found


class StagedFiles:
    """The files of the index."""

    def __init__(self, repo: Repo, path: str) -> None:
        """Read the index file at `path`; where there is none, nothing is staged.

        Raises:
            UnsupportedRepository: it is damaged, split, or of an unknown kind.
        """
        self._repo = repo
        self._index = _read_index(path)

    def file(self, path: bytes) -> GitFile | None:
        """Return what is staged at a path."""
        entry = self._index.entry(path)
        if entry is not None:
            return GitFile(path, entry.mode, entry.oid)
        for folder in self._folders_above(path):  # of a sparse index
            inner = CommittedFiles(self._repo, folder.oid).file(path[len(folder.path) :])
            return GitFile(path, inner.mode, inner.oid) if inner else None
        return None

    def below(self, folder: bytes) -> Iterator[GitFile]:
        """Yield all files below a folder."""
        for above in self._folders_above(folder):  # of a sparse index
            for file in CommittedFiles(self._repo, above.oid).below(folder[len(above.path) :]):
                yield GitFile(above.path + file.path, file.mode, file.oid)
        yield from self._range(folder + b"/" if folder else b"")

    def changes(self, base: bytes | None) -> Iterator[ChangedFile]:
        """Yield what differs from the tree `base`; a folder of which git has written the same tree is not looked at."""
        yield from self._differing(base, b"")

    def _differing(self, old: bytes | None, prefix: bytes) -> Iterator[ChangedFile]:
        if old is not None and self._index.folders.get(prefix[:-1]) == old:
            return
        sparse = self._index.entry(prefix) if prefix else None
        if sparse is not None:
            for change in CommittedFiles(self._repo, sparse.oid).changes(old):
                yield ChangedFile(prefix + change.path, _moved(prefix, change.before), _moved(prefix, change.after))
            return
        packed, before = self._index.entries, read_packed_tree(self._repo, old) if old else {}
        for name, is_folder in self._names(prefix):
            path = prefix + name
            stood = before.pop(name, None)
            if not is_folder and stood == packed[path]:  # nearly all of them
                continue
            entry = _unpacked(name, stood)
            if is_folder:
                one = _leaf(path, entry)
                if one:
                    yield ChangedFile(path, one, None)
                yield from self._differing(_subtree(entry), path + b"/")
                continue
            found = self._index.entry(path)
            after = GitFile(path, found.mode, found.oid) if found else None
            if entry is not None and entry.mode == git.MODE_TREE:
                yield from self._removed(path, entry)
                entry = None
            one = _leaf(path, entry)
            if one != after:
                yield ChangedFile(path, one, after)
        for name, gone in before.items():
            yield from self._removed(prefix + name, _entry(name, gone))

    def _removed(self, path: bytes, entry: git.TreeEntry) -> Iterator[ChangedFile]:
        files = [_leaf(path, entry)]
        if entry.mode == git.MODE_TREE:
            files = list(_all_below(self._repo, entry.oid, path + b"/"))
        for file in files:
            if file:
                yield ChangedFile(file.path, file, None)

    def _names(self, prefix: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield the names in a folder, and whether each is a folder; what is in folders is skipped."""
        paths, position = self._index.paths, bisect_left(self._index.paths, prefix)
        while position < len(paths) and paths[position].startswith(prefix):
            rest = paths[position][len(prefix) :]
            cut = rest.find(b"/")
            if cut < 0:
                yield rest, False
                position += 1
            else:
                yield rest[:cut], True
                position = bisect_left(paths, prefix + rest[:cut] + b"0", position)  # "0" follows "/"

    def _range(self, prefix: bytes) -> Iterator[GitFile]:
        paths = self._index.paths
        for position in range(bisect_left(paths, prefix), len(paths)):
            path = paths[position]
            if not path.startswith(prefix):
                return
            packed = self._index.entries[path]
            mode, oid = int.from_bytes(packed[:4]), packed[4:].hex().encode()
            if path.endswith(b"/"):
                yield from _all_below(self._repo, oid, path)
            else:
                yield GitFile(path, mode, oid)

    def _folders_above(self, path: bytes) -> Iterator[GitFile]:
        cut = path.rfind(b"/")
        while cut > 0:
            entry = self._index.entry(path[: cut + 1])
            if entry is not None:
                yield GitFile(path[: cut + 1], entry.mode, entry.oid)
            cut = path.rfind(b"/", 0, cut)


def _read_index(path: str) -> IndexFile:
    try:
        with open(path, "rb") as file:
            return parse_index(file.read())
    except FileNotFoundError:
        return IndexFile()
    except BadIndex as error:
        raise UnsupportedRepository(
            f"the git index {name_to_text(os.fsencode(path))} cannot be read: {error}",
            "git update-index --no-split-index; or git reset, if it is damaged",
        ) from error


def _all_below(repo: Repo, tree: bytes, prefix: bytes) -> Iterator[GitFile]:
    return (GitFile(path, entry.mode, entry.oid) for path, entry in iterate_files(repo, tree, prefix))


def _unpacked(name: bytes, packed: bytes | None) -> git.TreeEntry | None:
    return None if packed is None else _entry(name, packed)


def _entry(name: bytes, packed: bytes) -> git.TreeEntry:
    return git.TreeEntry(int.from_bytes(packed[:4]), name, packed[4:].hex().encode())


def _subtree(entry: git.TreeEntry | None) -> bytes | None:
    return entry.oid if entry and entry.mode == git.MODE_TREE else None


def _moved(prefix: bytes, file: GitFile | None) -> GitFile | None:
    return GitFile(prefix + file.path, file.mode, file.oid) if file else None


def _leaf(path: bytes, entry: git.TreeEntry | None) -> GitFile | None:
    return GitFile(path, entry.mode, entry.oid) if entry and entry.mode != git.MODE_TREE else None
