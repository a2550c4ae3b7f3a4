"""The environment: captured for a run, locked into a file, shown, made again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from repro.code.published_checkout import published_commit
from repro.env import pip
from repro.env.kinds import Captured, Realised
from repro.env.which_python import NoPython, command_for_record, find_python
from repro.model.environment import Environment
from repro.model.finding import Finding
from repro.project import Project, Workspace

if TYPE_CHECKING:
    from repro.actions.run_source import RunSource  # it imports the transfer, which a run does not need


@dataclass(frozen=True, slots=True)
class CapturedEnvironment:
    """The environment in use, what was observed of it, and the command as it is recorded."""

    environment: Environment | None
    command: tuple[str, ...]
    observed: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def capture_environment(
    project: Project,
    command: Sequence[str],
    *,
    python: str | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> CapturedEnvironment:
    """Record the environment that `command` uses; its lock is stored.

    Raises:
        CannotProceed: the interpreter does not run.
    """
    # On the command line a path counts from where the user stands, in the settings from the project's root.
    given = os.path.join(project.cwd, python) if python and "/" in python else python
    configured = given or project.settings.environment.python
    try:
        interpreter = find_python(command, project.cwd, project.environ, project.root, configured)
    except NoPython as error:
        if configured:
            raise
        finding = Finding("environment-not-recorded", error.message, hint=error.hint)
        return CapturedEnvironment(None, tuple(command), findings=(finding,))
    lock = project.settings.environment.lock
    captured = pip.capture(
        interpreter,
        project_root=project.root,
        cwd=project.cwd,
        environ=project.environ,
        sink=project.cache(),
        memo_dir=os.path.join(project.places.memos, "environment"),
        project_lock=os.path.join(project.root, lock) if lock else None,
        describe_checkout=published_commit,
        offline=offline,
        refresh=refresh,
    )
    recorded = command_for_record(command, captured.observations.prefix, project.cwd)
    return CapturedEnvironment(captured.environment, recorded, _observed(captured), captured.findings)


def _observed(captured: Captured) -> dict[str, object]:
    plain = asdict(captured.observations)
    native = ((name, [tag for tag in tags if not tag.endswith("-any")]) for name, tags in captured.observations.tags)
    plain["tags"] = {name: " ".join(tags) for name, tags in native if tags}
    return {name: value for name, value in plain.items() if value}


def realise_environment(
    workspace: Workspace,
    source: RunSource,
    environment: Environment,
    interpreter: str,
    checkout_root: str | None,
    folder: str,
    *,
    offline: bool,
) -> Realised:
    """Make a run's environment, or find it made. The lock and the wheels are in the store already.

    Args:
        interpreter: the Python to use.
        checkout_root: where the project's code stands, for installs from inside it; None leaves them out.
        folder: for files that only this rebuild needs.

    Raises:
        CannotProceed, IntegrityError, RemoteError: it cannot be made; nothing half made is left.
    """
    cache = source.cache
    wheels = {}
    for wheel in environment.wheels:
        path = os.path.join(folder, "wheels", wheel.file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            cache.copy_to(wheel.object, file.fileno())
        wheels[wheel.name] = path
    return pip.realise(
        environment,
        lock=cache.read(environment.lock) if environment.lock else None,
        wheels=wheels,
        interpreter=interpreter,
        envs_dir=workspace.places.environments,
        environ=workspace.environ,
        checkout_root=checkout_root,
        project_env_dir=os.path.join(folder, "environment"),
        offline=offline,
    )
