"""How the code of two commits differs: by path, and as a patch."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Literal

from repro.code.files_in_git import ChangedFile, CommittedFiles, GitFile
from repro.code.object_reader import tree_of
from repro.code.repository import open_repository
from repro.code.work_tree import RECORDS
from repro.model.dataclass import dataclass

if TYPE_CHECKING:
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo


@dataclass(frozen=True, slots=True)
class Change:
    """A file, symlink or submodule that differs: in content, in mode, or by being there at all."""

    path: bytes
    kind: Literal["added", "modified", "deleted"]


def changed_paths(root: str, commit_a: str, commit_b: str) -> tuple[Change, ...]:
    """Return what changed from `commit_a` to `commit_b`, sorted by path, `.repro/` left out.

    Raises:
        MissingCommit: a commit or a tree is not in the repository.
    """
    with open_repository(root) as repo:
        changes = _changes(repo, commit_a, commit_b)
    return tuple(
        Change(one.path, "added" if one.before is None else "deleted" if one.after is None else "modified")
        for one in changes
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
        for change in _changes(repo, commit_a, commit_b):
            for old, new in _halves(change):
                write_object_diff(out, repo.object_store, _side(old), _side(new))
    return out.getvalue()


def _halves(change: ChangedFile) -> list[tuple[GitFile | None, GitFile | None]]:
    """A file that became a symlink is, in a patch, one thing deleted and another one made."""
    old, new = change.before, change.after
    if old and new and stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        return [(old, None), (None, new)]
    return [(old, new)]


def _side(file: GitFile | None) -> tuple[bytes | None, int | None, ObjectID | None]:
    from dulwich.objects import ObjectID

    return (file.path, file.mode, ObjectID(file.oid)) if file else (None, None, None)


def _changes(repo: Repo, commit_a: str, commit_b: str) -> list[ChangedFile]:
    found = CommittedFiles(repo, tree_of(repo, commit_b)).changes(tree_of(repo, commit_a))
    return sorted((one for one in found if one.path.split(b"/")[0] != RECORDS), key=lambda one: one.path)
