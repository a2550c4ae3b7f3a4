"""What a project's conda-lock.yml has for this machine, each part as it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.model.dataclass import dataclass
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.conda_lock_commit import vcs_install
from repro.model.environments.conda_lock_file import part_of

if TYPE_CHECKING:  # most locks have files alone
    from repro.model.environments.environment import ProjectInstall, VcsInstall


@dataclass(frozen=True, slots=True)
class LockParts:
    """The parts of a lock for one platform.

    Attributes:
        files: the lock of what is a file, as a run records it.
        commits: what git has at a commit.
        project: what is installed from the project's own folders.
        root: the project's, an absolute path. An environment with project installs is of one checkout, and shared with
            no other.
    """

    files: bytes
    commits: tuple[VcsInstall, ...]
    project: tuple[ProjectInstall, ...]
    root: str


def parts_of(lock: CondaLock, platform: str, root: str) -> LockParts:
    """Return the parts of a lock for a platform that it has."""
    commits = tuple(vcs_install(package) for package in lock.of(platform) if package.is_commit)
    project: tuple[ProjectInstall, ...] = ()
    if lock.project.get(platform):
        from repro.model.environments.environment import ProjectInstall

        project = tuple(ProjectInstall(f.name, "0", f.path, f.editable) for f in lock.project[platform])
    return LockParts(part_of(lock, platform), commits, project, root)
