"""Makes an environment of kind `pip` from its lock, or finds it made.

The environment is a relocatable venv: where it stands does not enter its files. Everything but the project's own
packages is shared by all who need the same lock on the same interpreter, and never changed once it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from repro.env.environment_cache import cached_environment, environment_key, interpreter_place, make_environment
from repro.env.pip.bare_venv import make_venv
from repro.env.pip.cache_first import run_cache_first
from repro.env.pip.install_failures import EnvironmentNotMade, TamperedWheel, UnsafeInstall, failure_of
from repro.env.pip.lock_file import parse_lock
from repro.env.pip.uv_process import UvResult, find_uv, index_arguments, run_uv
from repro.env.realised import PrefixEnvironment
from repro.env.shared_files import protect_distributions
from repro.model.dataclass import dataclass
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.distribution_names import check_git_install
from repro.model.environments.environment import PipEnvironment, VcsInstall, WheelInstall

_REMOVED = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV_PROMPT",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
)


def realise(
    environment: PipEnvironment,
    *,
    lock: bytes | None,
    wheels: Mapping[str, str],
    interpreter: str,
    envs_dir: str,
    environ: Mapping[str, str],
    checkout_root: str | None = None,
    project_env_dir: str | None = None,
    offline: bool = False,
    archive: WheelArchive | None = None,
) -> PrefixEnvironment:
    """Return the environment, standing.

    The second time costs a few milliseconds and starts no process, unless the environment has project installs:
    those are made anew, in a copy at `project_env_dir`.

    Args:
        environment: a plan must have found nothing that blocks it.
        lock: the bytes of `environment.lock`, verified; None where it has none.
        wheels: paths of the files of `environment.wheels` by distribution name, each under its own file name.
        interpreter: of the plan.
        envs_dir: where environments are kept; made when needed.
        environ: the user's variables; uv's and pip's index settings and cache count.
        checkout_root: where the project's code stands; None leaves out its own packages. uv's project configuration
            is read from here.
        project_env_dir: where the copy goes; must not exist. Needed for project installs.
        offline: do not use the network.
        archive: the wheels of the environment's archive; the network is then not used either.

    Raises:
        BadLock, TamperedWheel, PackageHashMismatch, UnsafeInstall: integrity (4).
        IndexUnreachable: the network (5).
        PackageGone, EnvironmentOffline, EnvironmentDiskFull, EnvironmentNotMade, NoUv: cannot proceed (3).
    """
    _check(environment, lock)
    key = environment_key(environment, interpreter)
    prefix = cached_environment(envs_dir, key)
    builder = _Builder(
        environment, lock, wheels, interpreter, envs_dir, environ, checkout_root or envs_dir, offline, archive
    )
    if prefix is None:
        prefix = make_environment(envs_dir, key, builder.build, interpreter_place(interpreter))
    if environment.project and checkout_root is not None:
        if project_env_dir is None:
            raise ValueError("an environment with project installs needs project_env_dir")
        _install_project(environment, prefix, project_env_dir, checkout_root, environ, archive, offline)
        prefix = project_env_dir
    return PrefixEnvironment(prefix, os.path.join(prefix, "bin"), {"VIRTUAL_ENV": prefix}, _REMOVED)


def _install_project(
    environment: PipEnvironment,
    prefix: str,
    target: str,
    checkout_root: str,
    environ: Mapping[str, str],
    archive: WheelArchive | None,
    offline: bool,
) -> None:
    """Copy an environment, and install the project's own packages into the copy."""
    from repro.env.pip.project_installs import copy_environment, install_project

    flags, index = archive.flags() if archive else (), index_arguments(environ, offline)
    copy_environment(prefix, target)
    install_project(environment.project, target, checkout_root, environ, archive=flags, index=index)


@dataclass(frozen=True, slots=True)
class WheelArchive:
    """The wheels of an archive.

    Attributes:
        files: what there is, by its record.
        folder: writes them, verified, and returns the folder; called when they are needed.
    """

    files: tuple[ArchivedFile, ...]
    folder: Callable[[], str]

    def flags(self) -> list[str]:
        """Return the flags that make uv take packages from the folder alone."""
        return ["--offline", "--no-index", "--find-links", self.folder()]

    def requirement(self, name: str, version: str) -> str:
        """Return the hashed requirement of a wheel in the folder.

        Raises:
            EnvironmentNotMade: there is none of that name and version.
        """
        from repro.model.environments.wheel_names import is_wheel_of

        for file in self.files:
            if is_wheel_of(file.name, name, version):
                return f"{name}=={version} --hash=sha256:{file.sha256}"
        raise EnvironmentNotMade(f"the archive has no wheel of {name} {version}", "`repro env archive` the run again")


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds one environment from nothing."""

    environment: PipEnvironment
    lock: bytes | None
    wheels: Mapping[str, str]
    interpreter: str
    envs_dir: str
    environ: Mapping[str, str]
    cwd: str
    offline: bool
    archive: WheelArchive | None

    def build(self, prefix: str) -> None:
        """Make the venv, then the locked packages, then wheels and commits, each without its dependencies."""
        wheels = [verified_wheel(wheel, self.wheels.get(wheel.name)) for wheel in self.environment.wheels]
        self.venv(prefix)
        python = os.path.join(prefix, "bin", "python")
        requirements = self.requirements()
        if requirements is not None:
            path = os.path.join(os.path.dirname(prefix), "lock.txt")
            with open(path, "wb") as file:
                file.write(requirements)
            self.sync(["--require-hashes", "--allow-empty-requirements", "--python", python, path])
        install = ["pip", "install", "--quiet", "--no-deps", "--python", python]
        if wheels:
            self.run([*install, "--no-index", *wheels], "install the wheels of the run")
        if self.environment.vcs and self.archive is None:
            commits = [vcs_requirement(v) for v in self.environment.vcs]
            self.run([*install, *self.index(), *commits], "install what was recorded by its commit")
        protect_distributions(prefix)

    def venv(self, prefix: str) -> None:
        """Make the venv: a copy of one that uv has made for the interpreter, beside the environments."""
        command = ["venv", "--quiet", "--relocatable", "--no-project", "--python", self.interpreter]
        doing = f"make a virtual environment with {self.interpreter}"
        venvs_dir = os.path.join(os.path.dirname(self.envs_dir), "venvs")
        uv = find_uv(self.environ)
        make_venv(prefix, self.interpreter, uv, venvs_dir, lambda path: self.run([*command, path], doing))

    def sync(self, what: list[str]) -> None:
        """Install by hash."""
        result = run_cache_first(["pip", "sync", "--quiet", *what, *self.index()], self.environ, self.cwd)
        self.raise_failure(result, "install the locked packages")

    def requirements(self) -> bytes | None:
        """Return what is installed by hash: the lock, and, of an archive, the wheels that were made of commits.

        The lock's own hashes guard what the archive gives for the lock's packages.
        """
        if self.archive is None:
            return self.lock
        lines = []
        for package in parse_lock(self.lock) if self.lock is not None else ():
            version = package.version or dict(self.environment.packages)[package.name]
            hashes = " ".join(f"--hash=sha256:{digest}" for digest in package.hashes)
            lines.append(f"{package.name}=={version} {hashes}")
        lines += [self.archive.requirement(install.name, install.version) for install in self.environment.vcs]
        return "".join(f"{line}\n" for line in lines).encode() if lines else None

    def run(self, command: list[str], doing: str) -> None:
        """Run uv or raise what went wrong."""
        self.raise_failure(run_uv(command, self.environ, self.cwd), doing)

    def raise_failure(self, result: UvResult, doing: str) -> None:
        """Raise what went wrong, if something did."""
        if result.returncode:
            raise failure_of(result, doing, from_archive=self.archive is not None)

    def index(self) -> list[str]:
        """Return the flags that say which index."""
        return self.archive.flags() if self.archive else index_arguments(self.environ, self.offline)


def verified_wheel(wheel: WheelInstall, path: str | None) -> str:
    """Return the path of a wheel that travelled with a run, once its bytes are known to be the recorded ones.

    Raises:
        EnvironmentNotMade: there is no path.
        TamperedWheel: they are not.
    """
    if path is None:
        raise EnvironmentNotMade(f"the wheel {wheel.file} was not fetched", "repro fetch, then try again")
    from repro.env.pip.wheel_files import sha256_of

    with open(path, "rb") as file:
        found = sha256_of(file)
    if found != wheel.sha256:
        raise TamperedWheel(f"the wheel {wheel.file} has the SHA-256 {found}, recorded was {wheel.sha256}")
    return path


def vcs_requirement(install: VcsInstall) -> str:
    """Return `name @ git+url@commit#subdirectory=…`.

    Raises:
        UnsafeInstall: a field is not what a capture writes.
    """
    from repro.env.pip.installed import without_credentials

    subdirectory = install.subdirectory
    try:
        check_git_install(install.name, install.url, install.commit, subdirectory)
        sound = install.vcs == "git" and without_credentials(install.url) == install.url
    except ValueError:
        sound = False
    if not sound:
        raise UnsafeInstall(
            f"{install.name[:60]!r} cannot be installed from {install.vcs[:20]!r} {install.url[:200]!r}"
        )
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    return f"{install.name} @ git+{install.url}@{install.commit}{fragment}"


def _check(environment: PipEnvironment, lock: bytes | None) -> None:
    """Refuse what no capture writes, before anything is started."""
    if lock is not None:
        parse_lock(lock)
    elif environment.lock is not None:
        raise EnvironmentNotMade("the lock of the environment was not fetched", "repro fetch, then try again")
    for install in environment.vcs:
        vcs_requirement(install)
    if environment.wheels:
        from repro.model.environments.wheel_names import is_wheel_of
    for wheel in environment.wheels:
        if not is_wheel_of(wheel.file, wheel.name, wheel.version):
            raise UnsafeInstall(f"{wheel.file[:100]!r} is not the name of a wheel of {wheel.name[:60]!r}")
