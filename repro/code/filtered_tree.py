"""A commit's tree without some paths: what of the code counts for the recipe's identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.object_reader import read_tree, tree_of
from repro.code.repository import open_repository
from repro.code.work_tree import RECORDS

if TYPE_CHECKING:
    from dulwich.repo import Repo


def tree_without(root: str, commit: str, paths: Sequence[bytes]) -> str:
    """Return the hex id of the commit's tree without `.repro/` and without `paths`. Writes nothing.

    Args:
        root: the top of the work tree.
        commit: 40 hex digits.
        paths: files or directories, relative to the root; absent ones are no error. A directory left
            empty disappears, as in git.

    Raises:
        MissingCommit: the commit or one of its trees is not in the repository.
    """
    with open_repository(root) as repo:
        return tree_without_paths(repo, tree_of(repo, commit), paths).decode()


def tree_without_paths(repo: Repo, tree: bytes, paths: Sequence[bytes]) -> bytes:
    """As `tree_without`, of a tree: hex ids.

    Raises:
        MissingCommit: one of its trees is not in the repository.
    """
    removed = [path.strip(b"/").split(b"/") for path in (*paths, RECORDS)]
    if [b"."] in removed or [b""] in removed:
        return git.EMPTY_TREE
    return _without(repo, tree, removed) or git.EMPTY_TREE


def _without(repo: Repo, tree: bytes, removed: Sequence[Sequence[bytes]]) -> bytes | None:
    """Return the id of a tree without the paths, given as their components; None if nothing is left."""
    entries = read_tree(repo, tree)
    kept = []
    for entry in entries:
        below = [path[1:] for path in removed if path[0] == entry.name]
        if not below:
            kept.append(entry)
        elif [] in below or entry.mode != git.MODE_TREE:
            if [] not in below:
                kept.append(entry)
        elif (inner := _without(repo, entry.oid, below)) is not None:
            kept.append(git.TreeEntry(entry.mode, entry.name, inner))
    if not kept:
        return None
    return tree if kept == entries else git.object_id(b"tree", git.encode_tree(kept))
