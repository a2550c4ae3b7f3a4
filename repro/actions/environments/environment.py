"""The environment: captured for a run, made again for a rebuild."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from repro.env.kind_modules import kind_named
from repro.env.kinds import LockRequest, RealiseRequest
from repro.env.realised import Realised
from repro.env.which_kind import find_kind
from repro.env.which_python import NoPython, which
from repro.model.dataclass import dataclass, field, replace
from repro.model.environments.edited_file import NONE_EDITED, EditedFiles, edited_files
from repro.model.environments.environment import Environment, ImageEnvironment
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.finding import Finding
from repro.project import Project, Workspace

if TYPE_CHECKING:
    from repro.actions.run_source import RunSource  # it imports the transfer, which a run does not need


@dataclass(frozen=True, slots=True)
class CapturedEnvironment:
    """The environment in use, what was observed of it, the command as recorded, the lock as a file, edited files.

    `silent` is as of `repro.env.kinds.Captured`.
    """

    environment: Environment | None
    command: tuple[str, ...]
    observed: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    text: str = ""
    edited: EditedFiles = NONE_EDITED
    silent: frozenset[str] = frozenset()


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
        CannotProceed: the environment that was named is not there, or cannot be asked.
    """
    request = lock_request(project, command, python=python, offline=offline, refresh=refresh)
    try:
        captured = kind_named(kind_here(request)).lock(request)
    except NoPython as error:
        if request.python or request.settings.python:
            raise
        finding = Finding("environment-not-recorded", error.message, hint=error.hint)
        return CapturedEnvironment(None, tuple(command), findings=(finding,))
    return CapturedEnvironment(
        captured.environment,
        captured.command,
        captured.observed,
        captured.findings,
        captured.text,
        edited_files(captured.edited),
        captured.silent,
    )


def started_in(
    observed: Mapping[str, object], environ: Mapping[str, str], command: Sequence[str], cwd: str
) -> tuple[Mapping[str, str], list[str]]:
    """Return the variables and the words that a run's command starts with, in the environment that was recorded.

    They are the user's own, unless the environment was found by its lock, or is not active where the user stands and
    its packages set what only activation does.
    """
    if not observed.get("activated"):
        return environ, list(command)
    from repro.env.conda.realise import standing_at

    standing = standing_at(str(observed["prefix"]))
    child = standing.child_environ(environ)
    if which(command[0], cwd, child["PATH"]) is None:
        return child, list(command)  # whoever starts it says that it is not there
    return child, [*standing.starter, *command]


def lock_request(
    project: Project, command: Sequence[str], *, python: str | None, offline: bool = False, refresh: bool = False
) -> LockRequest:
    """Return what an environment of this project is looked for with."""
    from repro.code.published_checkout import published_commit

    return LockRequest(
        command=command,
        cwd=project.cwd,
        project_root=project.root,
        environ=project.environ,
        settings=project.settings.environment,
        sink=project.cache(),
        memo_dir=os.path.join(project.places.memos, "environment"),
        # On the command line a path counts from where the user stands, in the settings from the project's root.
        python=os.path.join(project.cwd, python) if python and "/" in python else python,
        describe_checkout=published_commit,
        envs_dir=project.places.environments,
        offline=offline,
        refresh=refresh,
    )


def kind_here(request: LockRequest) -> str:
    """Return the kind of the environment that a request is about."""
    if request.python is not None and request.settings.kind is None:
        return find_kind(
            EnvironmentSettings(python=request.python), (), request.cwd, request.environ, request.project_root
        )
    return find_kind(request.settings, request.command, request.cwd, request.environ, request.project_root)


def realise_environment(
    workspace: Workspace,
    source: RunSource,
    environment: Environment,
    means: str,
    checkout_root: str | None,
    folder: str,
    *,
    offline: bool,
) -> Realised:
    """Make a run's environment, or find it made. The objects that it names are in the store already.

    Args:
        means: of the plan.
        checkout_root: where the project's code stands, for installs from inside it; None leaves them out.
        folder: for files that only this rebuild needs.

    Raises:
        CannotProceed, IntegrityError, RemoteError: it cannot be made; nothing half made is left.
    """
    from repro.actions.archives import archived_files
    from repro.actions.run_source import bring
    from repro.store.object_faults import MissingObject
    from repro.store.storages.errors import MissingOnRemote

    request = RealiseRequest(
        means=means,
        objects=source.cache,
        archive=archived_files(source.records, environment),
        bring=lambda refs: bring(source, refs),
        envs_dir=workspace.places.environments,
        folder=folder,
        environ=workspace.environ,
        checkout_root=checkout_root,
        offline=offline,
    )
    realise = kind_named(environment.kind).realise
    try:
        return realise(environment, request)
    except (MissingObject, MissingOnRemote):
        if not request.archive or isinstance(environment, ImageEnvironment):
            raise
    # The archive's record came by git, or from another remote, and its files did not: then as if there were none.
    return realise(environment, replace(request, archive=()))
