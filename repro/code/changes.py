"""How the code of two commits differs: by path, and as a patch."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from repro.code import git_objects as git
from repro.code.object_reader import read_tree, tree_of
from repro.code.repository import open_repository
from repro.code.work_tree import RECORDS

if TYPE_CHECKING:
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo


@dataclass(frozen=True, slots=True)
class Change:
    """A file, symlink or submodule that differs: in content, in mode, or by being there at all."""

    path: bytes
    kind: Literal["added", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class _Pair:
    path: bytes
    old: git.TreeEntry | None
    new: git.TreeEntry | None


def changed_paths(root: str, commit_a: str, commit_b: str) -> tuple[Change, ...]:
    """Return what changed from `commit_a` to `commit_b`, sorted by path, `.repro/` left out.

    Raises:
        MissingCommit: a commit or a tree is not in the repository.
    """
    with open_repository(root) as repo:
        pairs = _pairs(repo, commit_a, commit_b)
    return tuple(
        Change(pair.path, "added" if pair.old is None else "deleted" if pair.new is None else "modified")
        for pair in pairs
    )


def unified_diff(root: str, commit_a: str, commit_b: str) -> bytes:
    """Return the patch from `commit_a` to `commit_b` in git's format, `.repro/` left out.

    Raises:
        MissingCommit: a commit or a tree is not in the repository.
    """
    import io

    from dulwich.patch import write_object_diff

    out = io.BytesIO()
    with open_repository(root) as repo:
        for pair in _pairs(repo, commit_a, commit_b):
            for old, new in _halves(pair):
                write_object_diff(out, repo.object_store, _side(pair.path, old), _side(pair.path, new))
    return out.getvalue()


def _halves(pair: _Pair) -> list[tuple[git.TreeEntry | None, git.TreeEntry | None]]:
    """A file that became a symlink is, in a patch, one thing deleted and another one made."""
    if pair.old and pair.new and stat.S_IFMT(pair.old.mode) != stat.S_IFMT(pair.new.mode):
        return [(pair.old, None), (None, pair.new)]
    return [(pair.old, pair.new)]


def _side(path: bytes, entry: git.TreeEntry | None) -> tuple[bytes | None, int | None, ObjectID | None]:
    from dulwich.objects import ObjectID

    return (path, entry.mode, ObjectID(entry.oid)) if entry else (None, None, None)


def _pairs(repo: Repo, commit_a: str, commit_b: str) -> list[_Pair]:
    pairs = _differing(repo, tree_of(repo, commit_a), tree_of(repo, commit_b), b"")
    return sorted((pair for pair in pairs if pair.path.split(b"/")[0] != RECORDS), key=lambda pair: pair.path)


def _differing(repo: Repo, old: bytes | None, new: bytes | None, prefix: bytes) -> Iterator[_Pair]:
    """Yield what differs between two trees; an equal subtree is not read."""
    if old == new:
        return
    left = {entry.name: entry for entry in read_tree(repo, old)} if old else {}
    right = {entry.name: entry for entry in read_tree(repo, new)} if new else {}
    for name in left.keys() | right.keys():
        one, two = left.get(name), right.get(name)
        if one == two:
            continue
        path = prefix + name
        yield from _differing(repo, _subtree(one), _subtree(two), path + b"/")
        one_leaf, two_leaf = _leaf(one), _leaf(two)
        if one_leaf or two_leaf:
            yield _Pair(path, one_leaf, two_leaf)


def _subtree(entry: git.TreeEntry | None) -> bytes | None:
    return entry.oid if entry and entry.mode == git.MODE_TREE else None


def _leaf(entry: git.TreeEntry | None) -> git.TreeEntry | None:
    return entry if entry and entry.mode != git.MODE_TREE else None
