"""The kind `pip`: what pip or uv installed into one interpreter, locked by hashed requirements, realised by uv.

This module is `repro.env.kinds.EnvironmentKind` for `pip`; the work is in the modules that its functions import, each
by who asks: a run realises nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro.env.kinds import Archived, ArchiveRequest, Captured, EnvironmentPlan, LockRequest, RealiseRequest
from repro.env.realised import PrefixEnvironment
from repro.model.dataclass import replace
from repro.model.environments.environment import Environment, PipEnvironment
from repro.model.finding import Finding

if TYPE_CHECKING:
    from repro.env.pip.probe import InterpreterObservations
    from repro.env.pip.realise import WheelArchive


def lock(request: LockRequest) -> Captured:
    """Find the command's Python, ask it what is installed, and pin that; see `repro.env.pip.capture.capture`.

    Raises:
        NoPython: there is none.
        BrokenInterpreter: it does not run.
        NoUv: hashes are needed and there is no uv.
    """
    from repro.env.pip.capture import capture
    from repro.env.pip.probe import probe
    from repro.env.which_python import command_for_record, find_python

    configured = request.python or request.settings.python
    python = find_python(request.command, request.cwd, request.environ, request.project_root, configured)
    pinned = capture(
        probe(python, request.environ, request.cwd),
        project_root=request.project_root,
        sink=request.sink,
        memo_dir=request.memo_dir,
        environ=request.environ,
        project_lock=os.path.join(request.project_root, request.settings.lock) if request.settings.lock else None,
        describe_checkout=request.describe_checkout,
        offline=request.offline,
        refresh=request.refresh,
    )
    recorded = command_for_record(request.command, pinned.observations.prefix, request.cwd)
    observed = _observed(pinned.observations)
    return Captured(pinned.environment, recorded, observed, pinned.findings, pinned.text, pinned.edited, pinned.silent)


def _observed(observations: InterpreterObservations) -> dict[str, object]:
    plain: dict[str, object] = {name: getattr(observations, name) for name in observations.__match_args__}
    native = ((name, [tag for tag in tags if not tag.endswith("-any")]) for name, tags in observations.tags)
    plain["tags"] = {name: " ".join(tags) for name, tags in native if tags}
    return {name: value for name, value in plain.items() if value}


def check(environment: Environment, request: LockRequest) -> tuple[Finding, ...]:
    """Say in what the environment that is in use here is not `environment`.

    Raises:
        as `lock`.
    """
    from repro.model.environments.environment_check import drift_from

    captured = lock(request)
    return (*captured.findings, *drift_from(_of_this_kind(environment), captured.environment))


def plan(
    environment: Environment, *, environ: Mapping[str, str], python: str | None = None, archived: bool = False
) -> EnvironmentPlan:
    """Say whether `environment` can be realised here; see `repro.env.pip.interpreters.plan`."""
    from repro.env.pip.interpreters import plan as plan_interpreter

    return plan_interpreter(_of_this_kind(environment), environ=environ, python=python)


def realise(environment: Environment, request: RealiseRequest) -> PrefixEnvironment:
    """Make the environment, or find it made; see `repro.env.pip.realise.realise`.

    Raises:
        CannotProceed, IntegrityError, RemoteError: it cannot be made.
    """
    from repro.env.pip.archive_folder import write_wheels
    from repro.env.pip.managed_python import interpreter_of
    from repro.env.pip.realise import realise as realise_locked

    own = _of_this_kind(environment)
    return realise_locked(
        own,
        lock=request.objects.read(own.lock) if own.lock else None,
        wheels={wheel.name: path for wheel, path in write_wheels(request, own.wheels)},
        interpreter=interpreter_of(request.means, request.environ, offline=request.offline),
        envs_dir=request.envs_dir,
        environ=request.environ,
        checkout_root=request.checkout_root,
        project_env_dir=os.path.join(request.folder, "environment"),
        offline=request.offline,
        archive=_wheel_archive(request),
    )


def _wheel_archive(request: RealiseRequest) -> WheelArchive | None:
    from functools import cache

    from repro.env.pip.archive_folder import lay_out
    from repro.env.pip.realise import WheelArchive

    files = request.archive
    return WheelArchive(files, cache(lambda: lay_out(request, files))) if files else None


def archive(environment: Environment, request: ArchiveRequest) -> Archived:
    """Store the wheels of the environment; see `repro.env.pip.archive`.

    Raises:
        CannotProceed, IntegrityError, RemoteError: a file cannot be had, or is another than the lock's.
    """
    from repro.env.pip.archive import archive as archive_wheels
    from repro.env.pip.managed_python import interpreter_of
    from repro.model.environments.outside_world import commits_not_archived

    own = _of_this_kind(environment)
    request = replace(request, means=interpreter_of(request.means, request.environ, offline=request.offline))
    if own.project and request.code is not None:
        from repro.env.pip.build_hooks import with_what_backends_ask

        request = with_what_backends_ask(own.project, request.means, request)
    lacking = commits_not_archived(own, [file.name for file in request.archived])
    prefix = realise(own, request.to_realise()).prefix if lacking else None
    return replace(archive_wheels(own, request, prefix), build=request.build)


def _of_this_kind(environment: Environment) -> PipEnvironment:
    if not isinstance(environment, PipEnvironment):
        raise TypeError(f"an environment of kind {environment.kind} was given to the kind pip")
    return environment
