"""How a `conda-lock.yml` names a package at a commit, as conda-lock does: in its URL, and where a file has its SHA-256.

Source: conda-lock 4.0, `pypi_solver.py`: the URL is `git+URL@COMMIT`, and `hash.sha256` is the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.model.environments.conda_url import without_secrets
from repro.model.environments.distribution_names import folder_in_repository, git_commit, git_url
from repro.model.pattern import pattern

if TYPE_CHECKING:  # a lock without commits is read without what a run records
    from repro.model.environments.conda_lock import LockedFile
    from repro.model.environments.environment import VcsInstall

_WRITTEN = pattern(r"git\+([^#\s]+)@([0-9a-f]+)(?:#subdirectory=([^&\s]+))?")


def commit_url(url: str, commit: str, subdirectory: str | None) -> str:
    """Return the URL of a package at a commit."""
    return f"git+{url}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")


def checked_commit_url(text: str) -> str:
    """Return `text` if git can be asked for it, and nothing in it is secret, else raise ValueError."""
    _parts(text)
    return text


def vcs_install(package: LockedFile) -> VcsInstall:
    """Return a package of a lock that is a commit, as a run records it.

    Raises:
        ValueError: its URL is not one of `commit_url`.
    """
    from repro.model.environments.environment import VcsInstall

    url, commit, subdirectory = _parts(package.url)
    return VcsInstall(package.name, package.version, "git", url, commit, subdirectory)


def _parts(text: str) -> tuple[str, str, str | None]:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError("is no URL of a package at a commit: git+URL@COMMIT")
    url, commit, subdirectory = git_url(found.group(1)), git_commit(found.group(2)), found.group(3)
    if not url.startswith("ssh:") and without_secrets(url) != url:
        raise ValueError("has a user, a password or a token in it")
    return url, commit, folder_in_repository(subdirectory) if subdirectory else None
