"""Where git looks for a repository's hooks. Asked of git itself: only it knows all places of its configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass


class NoGit(CannotProceed):
    """The git executable is needed, and cannot be run or does not answer."""

    id = "no-git"


@dataclass(frozen=True, slots=True)
class HooksFolder:
    """`path` is where the hooks are, `common` the repository's folder that all its worktrees share: absolute paths.

    `is_own` is whether this repository alone uses the hooks, `is_versioned` whether they stand in its work tree.
    """

    path: str
    common: str
    is_own: bool
    is_versioned: bool


def find_hooks_folder(root: str, environ: Mapping[str, str]) -> HooksFolder:
    """Return where git looks for the hooks of the work tree at `root`: `core.hooksPath` counts, wherever it is set.

    Raises:
        NoGit: git cannot be asked.
    """
    # The variables that git sets for a hook would lead away from `root`.
    environ = {name: value for name, value in environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    common = _real(root, ask_git(root, environ, "rev-parse", "--git-common-dir"))
    path = _real(root, ask_git(root, environ, "rev-parse", "--git-path", "hooks"))
    return HooksFolder(path, common, _is_in(path, common), _is_in(path, root) and not _is_in(path, common))


def ask_git(root: str, environ: Mapping[str, str], *arguments: str) -> str:
    """Return the one line that git answers.

    Raises:
        NoGit: git cannot be run, or refuses.
    """
    try:
        done = subprocess.run(
            ["git", "-C", root, *arguments], env=environ, stdin=subprocess.DEVNULL, capture_output=True
        )
    except OSError as error:
        raise NoGit(f"git cannot be run ({error.strerror})", "hooks are called by git: install it") from error
    if done.returncode:
        said = os.fsdecode(done.stderr).strip()
        raise NoGit(f"`git {' '.join(arguments)}` in {root} ends with {done.returncode}: {said}", None)
    return os.fsdecode(done.stdout.removesuffix(b"\n"))


def _real(root: str, path: str) -> str:
    return os.path.realpath(os.path.join(root, path))


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(os.path.realpath(folder) + os.sep)
