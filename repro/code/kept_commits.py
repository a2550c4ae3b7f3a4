"""`refs/repro/<run id>`: what keeps a run's commit from git's gc."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.object_reader import iterate_files, tree_of
from repro.code.repository import is_repository, open_repository
from repro.errors import LockedError, UsageError

if TYPE_CHECKING:
    from dulwich.refs import Ref
    from dulwich.repo import Repo


class BadRunName(UsageError):
    """The run's id cannot be the name of a git ref."""

    id = "bad-run-name"


class RefLocked(LockedError):
    """Another process is writing the same ref."""

    id = "ref-locked"


def keep_commit(root: str, run_id: str, commit: str) -> None:
    """Let `refs/repro/<run_id>` name the commit, here and, for their own commits, in its submodules.

    The ref lies in the common directory, so all worktrees see it; no reflog is written.

    Raises:
        BadRunName: `run_id` cannot be part of a ref's name.
        RefLocked: another process holds the ref's lock.
        MissingCommit: the commit is not in the repository.
    """
    from dulwich.objects import ObjectID

    with open_repository(root) as repo:
        name = _ref(run_id)
        links = [(path, e.oid) for path, e in iterate_files(repo, tree_of(repo, commit)) if e.mode == git.MODE_GITLINK]
        for path, oid in links:
            _keep_in_submodule(os.path.join(os.fsencode(root), path), run_id, oid)
        _set(repo, name, ObjectID(commit.encode()))


def _keep_in_submodule(path: bytes, run_id: str, oid: bytes) -> None:
    from dulwich.objects import ObjectID

    if not is_repository(path):
        return
    with open_repository(os.fsdecode(path)) as repo:
        present = ObjectID(oid) in repo.object_store
    if present:
        keep_commit(os.fsdecode(path), run_id, oid.decode())


def _ref(run_id: str) -> Ref:
    from dulwich.refs import Ref, check_ref_format

    name = Ref(b"refs/repro/" + os.fsencode(run_id))
    if "/" in run_id or not check_ref_format(name):
        raise BadRunName(f"{run_id!r} cannot be the name of a git ref")
    return name


def _set(repo: Repo, name: Ref, oid: bytes) -> None:
    from dulwich.file import FileLocked
    from dulwich.objects import ObjectID

    try:
        repo.refs.set_if_equals(name, None, ObjectID(oid))
    except FileLocked as error:
        raise RefLocked(
            f"the git ref {name.decode()} is locked by another process",
            f"wait for it; if none is at work, remove {error.lockfilename!r}",
        ) from error


def drop_commit(root: str, run_id: str) -> None:
    """Take `refs/repro/<run_id>` away again; it is no error if there is none. Submodules keep theirs.

    Raises:
        BadRunName: `run_id` cannot be part of a ref's name.
    """
    with open_repository(root) as repo:
        repo.refs.remove_if_equals(_ref(run_id), None)


def lost_refs(root: str, commits: Mapping[str, str]) -> list[str]:
    """Return the runs whose ref is not there, or names another commit, although the commit is in the repository.

    Args:
        root: the project's root.
        commits: by run id, the commit that the run's ref should name.

    Raises:
        BadRunName: a run id cannot be part of a ref's name.
    """
    from dulwich.objects import ObjectID

    with open_repository(root) as repo:
        return [
            run
            for run, commit in commits.items()
            if repo.refs.read_ref(_ref(run)) != commit.encode() and ObjectID(commit.encode()) in repo.object_store
        ]
