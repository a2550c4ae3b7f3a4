"""Pointer files as commits have them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from repro.code import git_objects as git
from repro.code.files_in_git import CommittedFiles, GitFile
from repro.code.object_reader import read_commit, read_object, tree_of
from repro.code.pack_format import BLOB
from repro.code.repository import MissingCommit, open_repository


def files_at(root: str, commits: Sequence[str], paths: Sequence[bytes]) -> list[dict[bytes, bytes]]:
    """Return the bytes of the regular files at `paths` in each commit; a commit that is not here has none."""
    found: list[dict[bytes, bytes]] = []
    with open_repository(root) as repo:
        for commit in commits:
            there: list[GitFile] = []
            with contextlib.suppress(MissingCommit):  # a shallow clone lacks commits, a partial one trees
                files = CommittedFiles(repo, tree_of(repo, commit))
                for path in paths:
                    file = files.file(path)
                    if file is not None and file.mode in (git.MODE_FILE, git.MODE_EXECUTABLE):
                        there.append(file)
            found.append({file.path: read_object(repo, file.oid, BLOB) for file in there})
    return found


def first_parent(root: str, commit: str) -> str | None:
    """Return a commit's first parent; None where it has none or is not here."""
    with open_repository(root) as repo:
        try:
            parents = read_commit(repo, commit.encode())[0].parents
        except MissingCommit:
            return None
    return parents[0].decode() if parents else None
