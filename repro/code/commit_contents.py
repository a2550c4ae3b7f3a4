"""Which paths a commit holds."""

from __future__ import annotations

from repro.code.object_reader import iterate_files, tree_of
from repro.code.repository import open_repository


def paths_in_commit(root: str, commit: str) -> frozenset[bytes]:
    """Return the paths of all files, symlinks and submodules of a commit.

    Raises:
        MissingCommit: the commit or one of its trees is not in the repository.
    """
    with open_repository(root) as repo:
        return frozenset(path for path, _ in iterate_files(repo, tree_of(repo, commit)))
