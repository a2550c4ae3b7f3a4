"""Opening a git repository, and the plain words for why one cannot be used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.errors import CannotProceed
from repro.model.names import name_to_text

if TYPE_CHECKING:
    from dulwich.repo import Repo


class NotARepository(CannotProceed):
    """There is no git repository where one is needed."""

    id = "not-a-repository"


class BareRepository(CannotProceed):
    """The repository has no work tree, so there is nothing to record."""

    id = "bare-repository"


class UnsupportedRepository(CannotProceed):
    """The repository, or its index, has a format that cannot be read."""

    id = "unsupported-repository"


class MissingCommit(CannotProceed):
    """A commit, or an object that it needs, is not in the repository."""

    id = "missing-commit"


@contextmanager
def open_repository(root: str) -> Iterator[Repo]:
    """Open the repository whose work tree has its top at `root`, and close it at the end.

    Args:
        root: a directory that holds `.git`, be it a directory or a file (worktree, submodule).

    Raises:
        NotARepository: there is none.
        BareRepository: it has no work tree.
        UnsupportedRepository: SHA-256 object ids, or an extension that cannot be read.
    """
    with open_any_repository(root) as repo:
        _refuse_bare(repo, name_to_text(os.fsencode(root)))
        yield repo


@contextmanager
def open_any_repository(root: str) -> Iterator[Repo]:
    """As `open_repository`, of a bare repository too.

    Raises:
        NotARepository, UnsupportedRepository: see there.
    """
    from dulwich.errors import NotGitRepository
    from dulwich.repo import InvalidWorktreeConfiguration, Repo, UnsupportedExtension, UnsupportedVersion

    shown = name_to_text(os.fsencode(root))
    if os.path.lexists(os.path.join(root, ".git")) and not is_repository(os.fsencode(root)):
        # Not left to dulwich: where a worktree's repository is gone, it would begin to write one in that place.
        raise NotARepository(
            f"{shown} is not the top of a git repository: its .git is damaged, or leads nowhere",
            f"`git -C {shown} status` says more; `git init` starts a repository",
        )
    try:
        repo = Repo(root)
    except (NotGitRepository, FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise NotARepository(f"{shown} is not the top of a git repository ({error})", "start one: git init") from error
    except (UnsupportedExtension, UnsupportedVersion, InvalidWorktreeConfiguration) as error:
        raise UnsupportedRepository(
            f"the git repository at {shown} has a format that cannot be read: {type(error).__name__} {error}",
            "use a repository in git's default format",
        ) from error
    try:
        _check_format(repo, shown)
        yield repo
    finally:
        repo.close()


def _refuse_bare(repo: Repo, shown: str) -> None:
    if repo.bare or (repo.get_config().get_boolean((b"core",), b"bare", False) is True and not _is_linked(repo)):
        raise BareRepository(
            f"the git repository at {shown} is bare: it has no work tree", "run this in a clone or a git worktree"
        )


def _check_format(repo: Repo, shown: str) -> None:
    if repo.object_format.name != "sha1":
        raise UnsupportedRepository(
            f"the git repository at {shown} uses {repo.object_format.name} object ids; only SHA-1 can be read",
            "use a repository made with: git init --object-format=sha1",
        )


def _is_linked(repo: Repo) -> bool:
    """Whether this is a worktree of a bare repository, which has files though its common directory has none."""
    return repo.controldir() != repo.commondir()


def is_repository(path: bytes) -> bool:
    """Whether git takes the directory at `path` for a repository of its own. Opens nothing."""
    dot_git = os.path.join(path, b".git")
    if os.path.isdir(dot_git):
        return os.path.isfile(os.path.join(dot_git, b"HEAD"))
    try:
        with open(dot_git, "rb") as file:
            line = file.read(4096)
    except OSError:
        return False
    target = line[len(b"gitdir:") :].strip() if line.startswith(b"gitdir:") else b""
    return bool(target) and os.path.isfile(os.path.join(path, target, b"HEAD"))
