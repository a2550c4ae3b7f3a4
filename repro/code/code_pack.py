"""A commit as one file that can travel: a shallow git pack that depends on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from repro.code import git_objects as git
from repro.code.object_reader import read_object, read_tree, tree_of
from repro.code.pack_format import BLOB, COMMIT, TREE, PackWriter
from repro.code.repository import open_repository

if TYPE_CHECKING:
    from dulwich.repo import Repo


def write_pack(root: str, commit: str, out: BinaryIO) -> None:
    """Write the commit, its trees and its blobs as a git pack: no parents, no submodules' contents, no deltas.

    The objects stand in the order of their ids, so one commit gives one sequence of bytes (with one zlib).
    One object at a time is in memory.

    Raises:
        MissingCommit: the commit or a part of its tree is not in the repository.
    """
    with open_repository(root) as repo:
        kinds = {commit.encode(): COMMIT}
        _collect(repo, tree_of(repo, commit), kinds)
        writer = PackWriter(out, len(kinds))
        for oid in sorted(kinds):
            data = b"" if oid == git.EMPTY_TREE else read_object(repo, oid, kinds[oid])
            writer.add(kinds[oid], data, oid)
        writer.finish()


def _collect(repo: Repo, tree: bytes, kinds: dict[bytes, int]) -> None:
    if tree in kinds:
        return
    kinds[tree] = TREE
    for entry in read_tree(repo, tree):
        if entry.mode == git.MODE_TREE:
            _collect(repo, entry.oid, kinds)
        elif entry.mode != git.MODE_GITLINK:
            kinds[entry.oid] = BLOB
