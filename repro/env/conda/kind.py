"""The kind `conda`: what conda installed at a prefix and what pip added to it, locked as conda-lock does.

This module is `repro.env.kinds.EnvironmentKind` for `conda`; the work is in the modules that its functions import, each
by who asks: a run neither solves nor installs, and needs no py-rattler.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro.env.kinds import Archived, ArchiveRequest, Captured, EnvironmentPlan, LockRequest, RealiseRequest
from repro.env.realised import PrefixEnvironment
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.environment import CondaEnvironment, Environment
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.finding import Finding

if TYPE_CHECKING:
    from repro.env.conda.channels import Channel
    from repro.env.conda.install import CondaSource

_LOCK_AGAIN = "install it from a channel or an index and record the run again"


def lock(request: LockRequest) -> Captured:
    """Find the prefix that the command uses, and pin what is installed there; see `repro.env.conda.capture`.

    Raises:
        NoCondaEnvironment: there is none.
        BrokenPrefix, BrokenInterpreter: it cannot be read.
    """
    from repro.env.conda.capture import capture_prefix
    from repro.env.conda.which_conda import find_prefix
    from repro.env.which_python import command_for_record

    place = find_prefix(request)
    pinned = capture_prefix(place.path, request)
    observed: dict[str, object] = {"prefix": place.path}
    if pinned.python is not None:
        observed |= {"executable": pinned.python.observations.executable, "build": pinned.python.observations.build}
    if not place.active or _sets_more(place.path, request.environ):
        observed["activated"] = True  # `run` starts the command in it
    recorded = command_for_record(request.command, place.path, request.cwd)
    return Captured(pinned.environment, recorded, observed, pinned.findings, edited=pinned.edited, silent=pinned.silent)


def _sets_more(prefix: str, environ: Mapping[str, str]) -> bool:
    """Whether its packages have activation scripts, and the user has not activated it: a rebuild will have."""
    from repro.env.conda.activation import starter

    active = environ.get("CONDA_PREFIX")
    return bool(starter(prefix)) and (not active or os.path.realpath(active) != os.path.realpath(prefix))


def check(environment: Environment, request: LockRequest) -> tuple[Finding, ...]:
    """Say in what the prefix that is in use here is not `environment`: packages, and files that somebody edited.

    Raises:
        as `lock`.
    """
    from repro.model.environments.environment_check import drift_from

    captured = lock(request)
    return (*captured.findings, *drift_from(_of_this_kind(environment), captured.environment))


def plan(
    environment: Environment, *, environ: Mapping[str, str], python: str | None = None, archived: bool = False
) -> EnvironmentPlan:
    """Say whether `environment` can be realised here: on the same platform, where the machine has what it needs.

    Returns:
        Blocking: `environment-unlocked`, `other-platform`, `machine-lacks`, `no-rattler`.
    """
    from repro.env.conda.channels import NoRattler, need_rattler
    from repro.env.conda.platform import platform_here, unmet_needs

    own = _of_this_kind(environment)
    blocking = [
        Finding("environment-unlocked", f"{name} was not pinned when the run was recorded", hint=_LOCK_AGAIN)
        for name in own.unlocked
    ]
    try:
        need_rattler()
    except NoRattler as error:
        return EnvironmentPlan("", (*blocking, Finding("no-rattler", error.message, hint=error.hint)))
    here = platform_here()
    if own.platform != here:
        detail = f"recorded on {own.platform}, this machine is {here}"
        blocking.append(Finding("other-platform", detail, hint=f"rebuild it on {own.platform}"))
    else:
        blocking += unmet_needs((f"{name} {spec}" for name, spec in own.virtual), environ)
    return EnvironmentPlan("", tuple(blocking))


def realise(environment: Environment, request: RealiseRequest) -> PrefixEnvironment:
    """Make the environment, or find it made; see `repro.env.conda.realise`.

    Raises:
        CannotProceed, IntegrityError, RemoteError: it cannot be made.
    """
    from repro.env.conda.realise import realise as realise_locked

    own = _of_this_kind(environment)
    made = realise_locked(
        request.objects.read(own.lock),
        envs_dir=request.envs_dir,
        source=lambda: _source(own, request),
        vcs=own.vcs,
        wheels=own.wheels,
    )
    if not own.project or request.checkout_root is None:
        return made
    from repro.env.conda.overlay import with_project

    return with_project(made, own.project, request)


def archive(environment: Environment, request: ArchiveRequest) -> Archived:
    """Bring the packages and wheels of its lock into the store; see `repro.env.conda.archive`.

    Raises:
        PackageHashMismatch: a channel serves another file than it did.
        BadCondaLock: the lock is none.
    """
    from repro.env.conda.archive import build_files, collect
    from repro.env.conda.project_files import known_channels
    from repro.model.environments.conda_lock_file import parse_conda_lock

    own = _of_this_kind(environment)
    locked = parse_conda_lock(request.objects.read(own.lock), "the lock")
    channels: tuple[Channel, ...] = ()
    if request.project_root is not None:
        settings = request.settings or EnvironmentSettings()
        channels = known_channels(request.project_root, settings, None, request.environ)
    if own.project and own.python is not None and request.code is not None:
        from repro.env.pip.build_hooks import with_what_backends_ask

        python = os.path.join(realise(own, request.to_realise()).bin_dir, "python")
        request = with_what_backends_ask(own.project, python, request)
    build, more = build_files(own, request)
    packages = {(package.manager, package.file_name): package for package in (*locked.of(own.platform), *build)}
    files, findings = collect(tuple(packages.values()), channels, request)
    made, missing = _commits_as_wheels(own, request)
    by_name = {file.name: file for file in (*request.archived, *files, *made)}
    return Archived(tuple(by_name[name] for name in sorted(by_name)), (*findings, *more, *missing), request.build)


def _commits_as_wheels(
    environment: CondaEnvironment, request: ArchiveRequest
) -> tuple[list[ArchivedFile], list[Finding]]:
    """Return what was recorded by its commit, and is not archived, as wheels of what is installed of it."""
    from repro.env.pip.archive import installed_as_wheel, unarchived
    from repro.model.environments.outside_world import commits_not_archived

    lacking = commits_not_archived(environment, [file.name for file in request.archived])
    if not lacking:
        return [], []
    prefix = realise(environment, request.to_realise()).prefix
    kept = {
        install.name: installed_as_wheel(install, prefix, request)
        for install in environment.vcs
        if install.name in lacking
    }
    return (
        [file for file in kept.values() if isinstance(file, ArchivedFile)],
        [unarchived(name, why) for name, why in kept.items() if isinstance(why, str)],
    )


def _source(environment: CondaEnvironment, request: RealiseRequest) -> CondaSource:
    """Return where packages come from. What was archived is written out only now, when it is needed."""
    from repro.env.conda.file_names import cache_dir
    from repro.env.conda.install import CondaSource
    from repro.env.pip.archive_folder import lay_out, write_wheels

    folder = lay_out(request, request.archive)
    paths = {file.sha256: os.path.join(folder, file.name) for file in request.archive}
    paths |= {wheel.sha256: path for wheel, path in write_wheels(request, environment.wheels)}
    return CondaSource(
        archived=paths,
        channels=(),  # the checkout is somebody else's: no variable of this user goes where it says
        cache_dir=cache_dir(request.envs_dir),
        offline=request.offline,
        environ=request.environ,
        commits=_wheels_of_commits(environment, request, folder),
    )


def _wheels_of_commits(environment: CondaEnvironment, request: RealiseRequest, folder: str) -> dict[str, str]:
    if not environment.vcs or not request.archive:
        return {}
    from repro.model.environments.wheel_names import is_wheel_of

    return {
        install.name: os.path.join(folder, file.name)
        for install in environment.vcs
        for file in request.archive
        if is_wheel_of(file.name, install.name, install.version)
    }


def _of_this_kind(environment: Environment) -> CondaEnvironment:
    if not isinstance(environment, CondaEnvironment):
        raise TypeError(f"an environment of kind {environment.kind} was given to the kind conda")
    return environment
