"""Pointer files as commits have them."""

from __future__ import annotations

from collections.abc import Sequence

from repro.code import git_objects as git
from repro.code.object_reader import find_entry, read_object
from repro.code.pack_format import BLOB
from repro.code.repository import MissingCommit, open_repository


def files_at(root: str, commits: Sequence[str], paths: Sequence[bytes]) -> list[dict[bytes, bytes]]:
    """Return the bytes of the regular files at `paths` in each commit; a commit that is not here has none."""
    found: list[dict[bytes, bytes]] = []
    with open_repository(root) as repo:
        for commit in commits:
            files = {}
            for path in paths:
                try:
                    entry = find_entry(repo, commit, path)
                except MissingCommit:
                    break
                if entry is not None and entry.mode in (git.MODE_FILE, git.MODE_EXECUTABLE):
                    files[path] = read_object(repo, entry.oid, BLOB)
            found.append(files)
    return found


def first_parent(root: str, commit: str) -> str | None:
    """Return a commit's first parent; None where it has none or is not here."""
    from repro.code.object_reader import read_commit

    with open_repository(root) as repo:
        try:
            parents = read_commit(repo, commit.encode())[0].parents
        except MissingCommit:
            return None
    return parents[0].decode() if parents else None
