"""The environment of a run: made, or found made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from repro.actions.environments.remembered import remember, remembered
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.project import Project, Workspace

if TYPE_CHECKING:  # what makes an environment is imported where none stands
    from repro.model.environments.environment import Environment
    from repro.model.finding import Finding


class NoEnvironment(CannotProceed):
    """A run was recorded without an environment, or the one it had cannot be made here."""

    id = "no-environment"


@dataclass(frozen=True, slots=True)
class Created:
    """An environment that stands at `directory`; of an image that the engine has, this is its id."""

    directory: str
    environment: Environment
    findings: tuple[Finding, ...]


def find_created(project: Project, text: str) -> str | None:
    """Return the environment that was made of a run, if it stands; None where it has to be looked for, or made.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
    """
    if text.endswith(".yaml"):
        return None  # perhaps a manifest file
    records = project.records()
    return remembered(project.places, "run", records.read_bytes(records.select(text)))


def create_environment(
    workspace: Workspace, text: str, source: str | None, python: str | None, *, offline: bool
) -> Created:
    """Make the environment of a run, or find it made. Installs from inside the project are left out.

    Raises:
        NoEnvironment: the run has none, or it cannot be made here; the reasons are named.
    """
    from repro.actions.archives import archived_files
    from repro.actions.environments.environment import realise_environment
    from repro.actions.run_source import bring, open_run
    from repro.env.environment_cache import folder_for_now
    from repro.env.kind_modules import kind_named
    from repro.env.realised import ContainerEnvironment
    from repro.model.environments.environment import named_objects

    run = open_run(workspace, text, source)
    environment = run.manifest.recipe.environment
    if environment is None:
        raise NoEnvironment(f"the run {run.manifest.run} was recorded without an environment")
    archived = bool(archived_files(run.records, environment))
    plan = kind_named(environment.kind).plan(environment, environ=workspace.environ, python=python, archived=archived)
    if plan.blocking:
        hint = next((finding.hint for finding in plan.blocking), None)
        detail = "; ".join(finding.detail for finding in plan.blocking)
        raise NoEnvironment(f"the environment of {run.manifest.run} cannot be made here: {detail}", hint)
    bring(run, [named for _, named in named_objects(environment)])
    with folder_for_now(workspace.places.environments) as folder:
        realised = realise_environment(workspace, run, environment, plan.means, None, folder, offline=offline)
    if isinstance(realised, ContainerEnvironment):
        return Created(f"sha256:{realised.image}", environment, plan.warnings)
    # What had to be warned of is to be warned of each time.
    if isinstance(workspace, Project) and source is None and python is None and not plan.warnings:
        _remember(workspace, text, realised.prefix, plan.means or None)
    return Created(realised.prefix, environment, plan.warnings)


def _remember(project: Project, text: str, prefix: str, means: str | None) -> None:
    if text.endswith(".yaml") or (means is not None and not os.path.isabs(means)):
        return  # a file, perhaps; an interpreter that uv has just installed
    records = project.records()
    remember(project.places, "run", records.read_bytes(records.select(text)), prefix, means)
