"""Makes an environment of kind `conda` from its lock, or finds it made.

An environment's path is part of its files, so it is made under a temporary name for the path that it is going to have,
and renamed once it is complete. The path follows from the lock alone: it is the same each time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from repro.env.conda.activation import starter
from repro.env.conda.install import MAX_PREFIX, CondaSource, install_packages, unpacked
from repro.env.conda.platform import platform_here
from repro.env.environment_cache import cached_environment, make_environment
from repro.env.pip.install_failures import EnvironmentNotMade
from repro.env.realised import PrefixEnvironment
from repro.env.shared_files import protect_conda_packages, protect_distributions
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.environments.conda_lock import CondaLock, LockedFile
from repro.model.environments.conda_lock_file import parse_conda_lock

if TYPE_CHECKING:  # they are a run's; a project's lock has none
    from repro.model.environments.environment import ProjectInstall, VcsInstall, WheelInstall

LOCK_INSIDE = os.path.join("conda-meta", "repro-conda-lock.yml")
"""Where an environment has the lock that it was made from, relative to its prefix."""

_REMOVED = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "CONDA_DEFAULT_ENV",
    "CONDA_PROMPT_MODIFIER",
    "CONDA_SHLVL",
)
_FORMAT = 1


class OtherPlatform(CannotProceed):
    """A lock has nothing for this machine's platform."""

    id = "other-platform"


def environment_key(
    lock: bytes,
    vcs: Sequence[VcsInstall] = (),
    wheels: Sequence[WheelInstall] = (),
    project: Sequence[ProjectInstall] = (),
    root: str = "",
) -> str:
    """Return the name of the environment's folder: 32 hex digits over all that decides what is installed."""
    beside = [[v.name, v.vcs, v.url, v.commit, v.subdirectory] for v in vcs]
    facts = ["conda", _FORMAT, hashlib.sha256(lock).hexdigest(), beside, [[w.name, w.file, w.sha256] for w in wheels]]
    if project:
        facts.append([root, [[p.name, p.path, p.editable] for p in project]])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def realise(
    lock: bytes,
    *,
    envs_dir: str,
    source: Callable[[], CondaSource],
    vcs: Sequence[VcsInstall] = (),
    wheels: Sequence[WheelInstall] = (),
    project: Sequence[ProjectInstall] = (),
    root: str = "",
    read: CondaLock | None = None,
) -> PrefixEnvironment:
    """Return the environment, standing.

    The second time costs a few milliseconds: neither is the lock read, nor py-rattler imported.

    Args:
        lock: of one platform, verified.
        envs_dir: where environments are kept; made when needed.
        source: gives where packages come from; asked only if the environment has to be made.
        vcs, wheels: what pip added from other places than an index.
        project: what is installed from folders of the project at `root`: the environment is then this checkout's alone.
        root: an absolute path.
        read: the lock as it was read, where the caller has it; may have other platforms as well.

    Raises:
        BadCondaLock, PackageHashMismatch, TamperedWheel, UnsafeInstall: integrity (4).
        ChannelUnreachable, IndexUnreachable: the network (5).
        OtherPlatform, PackageGone, EnvironmentOffline, EnvironmentDiskFull, EnvironmentNotMade, NoRattler: cannot
            proceed (3).
    """
    key = environment_key(lock, vcs, wheels, project, root)
    final = os.path.join(envs_dir, key)
    prefix = cached_environment(envs_dir, key)
    if prefix is None:
        if len(os.fsencode(final)) > MAX_PREFIX:
            raise EnvironmentNotMade(
                f"{final} is longer than {MAX_PREFIX} bytes: conda packages have no room for it in their files",
                "name a shorter folder: REPRO_SCRATCH=/path",
            )
        os.makedirs(envs_dir, exist_ok=True)
        builder = _Builder(lock, read, final, source(), tuple(vcs), tuple(wheels), tuple(project), root)
        prefix = make_environment(envs_dir, key, builder.build)
    return standing_at(prefix)


def standing_at(prefix: str) -> PrefixEnvironment:
    """Return the environment that stands at a prefix, as a command is started in it.

    Raises:
        EnvironmentNotMade: a package's file with variables cannot be read.
    """
    bin_dir = os.path.join(prefix, "bin")
    return PrefixEnvironment(prefix, bin_dir, _variables(prefix), _REMOVED, starter=starter(prefix))


def check_platform(lock: CondaLock, what: str) -> str:
    """Return this machine's platform, which a lock must have.

    Raises:
        OtherPlatform: it does not.
    """
    here = platform_here()
    if here not in lock.platforms:
        raise OtherPlatform(
            f"{what} is for {', '.join(lock.platforms)}, this machine is {here}",
            f"lock it for this machine as well: `repro env lock --platform {here}`",
        )
    return here


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds one environment from nothing."""

    lock: bytes
    read: CondaLock | None
    final: str
    source: CondaSource
    vcs: tuple[VcsInstall, ...]
    wheels: tuple[WheelInstall, ...]
    project: tuple[ProjectInstall, ...]
    root: str

    def build(self, prefix: str) -> None:
        """Install conda's packages, then pip's, then keep the lock inside."""
        lock = self.read or parse_conda_lock(self.lock, "the lock")
        here = check_platform(lock, "the lock")
        packages = [package for package in lock.of(here) if not package.is_commit]  # those are in `vcs`
        install_packages(packages, lock.site_packages.get(here), prefix, self.final, self.source)
        protect_conda_packages(prefix, unpacked(packages, self.source))
        self.add_pip_part(packages, prefix)
        with open(os.path.join(prefix, LOCK_INSIDE), "wb") as file:
            file.write(self.lock)

    def add_pip_part(self, packages: Sequence[LockedFile], prefix: str) -> None:
        """Install what pip added, if it did: what installs it is imported only then."""
        beside = bool(self.vcs or self.wheels or self.project)
        if not beside and all(package.manager == "conda" for package in packages):
            return
        from repro.env.conda.pip_install import Beside, install_pip_part

        archived = self.source.archived
        install_pip_part(
            packages,
            Beside(
                [install for install in self.vcs if install.name not in self.source.commits],
                [(wheel, archived.get(wheel.sha256)) for wheel in self.wheels],
                list(self.source.commits.values()),
                self.project,
                self.root,
            ),
            prefix,
            self.final,
            archived,
            self.source.environ,
            offline=self.source.offline,
        )
        protect_distributions(prefix)


def _variables(prefix: str) -> Mapping[str, str]:
    """Return what conda would set when it activates the environment, as far as it is written down as values.

    What scripts set is not here: `repro.env.conda.activation`. Source: conda's `activate.py` (`env_vars.d`,
    `conda-meta/state`).
    """
    found = {"CONDA_PREFIX": prefix}
    folder = os.path.join(prefix, "etc", "conda", "env_vars.d")
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    for path in files:
        found |= _texts(path)
    return found | _texts(os.path.join(prefix, "conda-meta", "state"), "env_vars")


def _texts(path: str, key: str | None = None) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            plain = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError:
        raise EnvironmentNotMade(f"{path} is not JSON", "the package that has it is broken") from None
    plain = plain.get(key, {}) if key else plain
    return {name: value for name, value in plain.items() if isinstance(value, str)}
