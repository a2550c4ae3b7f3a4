"""`repro env`: the lock as a file, an environment shown, an environment made."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from repro.actions.environment import CapturedEnvironment, capture_environment, realise_environment
from repro.actions.run_source import bring, open_run
from repro.env.which_kind import kind_named
from repro.errors import CannotProceed
from repro.model.environment import Environment, ImageEnvironment, named_objects
from repro.model.finding import Finding
from repro.project import Project, Workspace
from repro.store.whole_file import replace_text


class NotLockable(CannotProceed):
    """Packages are installed that nothing pins by content."""

    id = "not-lockable"


class NoEnvironment(CannotProceed):
    """A run was recorded without an environment, or the one it had cannot be made here."""

    id = "no-environment"


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock and its environment. `text` is the lock file's text."""

    environment: Environment
    findings: tuple[Finding, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Created:
    """An environment that stands at `directory`."""

    directory: str
    environment: Environment
    findings: tuple[Finding, ...]


def environment_here(project: Project, python: str | None) -> CapturedEnvironment:
    """Return the environment that is in use here."""
    return capture_environment(project, (), python=python)


def environment_of_run(project: Project, text: str) -> Environment | None:
    """Return the environment of a run.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
    """
    records = project.records()
    return records.read(records.select(text)).recipe.environment


def lock_environment(project: Project, output: str, python: str | None) -> Locked:
    """Pin what is installed, asking the index anew, and write the lock to the file `output` (`-` writes none).

    Raises:
        NotLockable: a package cannot be pinned; nothing is written.
    """
    captured = capture_environment(project, (), python=python, refresh=True)
    environment = captured.environment
    if environment is None:
        raise NoEnvironment("no Python was found whose environment could be locked", "name it with --python")
    if environment.unlocked:
        reasons = [f.detail for f in captured.findings if f.kind == "environment-unlocked"]
        raise NotLockable(
            f"{len(environment.unlocked)} packages cannot be pinned: {'; '.join(reasons[:3])}",
            next((f.hint for f in captured.findings if f.kind == "environment-unlocked"), None),
        )
    text = _lock_text(project, environment)
    if output != "-":
        replace_text(os.path.join(project.cwd, output), text)
    return Locked(environment, captured.findings, text)


def _lock_text(project: Project, environment: Environment) -> str:
    if isinstance(environment, ImageEnvironment) or environment.lock is None:
        return ""
    return project.cache().read(environment.lock).decode()


def create_environment(
    workspace: Workspace, text: str, source: str | None, python: str | None, *, offline: bool
) -> Created:
    """Make the environment of a run, or find it made. Installs from inside the project are left out.

    Raises:
        NoEnvironment: the run has none, or it cannot be made here; the reasons are named.
    """
    run = open_run(workspace, text, source)
    environment = run.manifest.recipe.environment
    if environment is None:
        raise NoEnvironment(f"the run {run.manifest.run} was recorded without an environment")
    plan = kind_named(environment.kind).plan(environment, environ=workspace.environ, python=python)
    if plan.blocking:
        hint = next((finding.hint for finding in plan.blocking), None)
        detail = "; ".join(finding.detail for finding in plan.blocking)
        raise NoEnvironment(f"the environment of {run.manifest.run} cannot be made here: {detail}", hint)
    bring(run, [named for _, named in named_objects(environment)])
    with tempfile.TemporaryDirectory() as folder:
        realised = realise_environment(workspace, run, environment, plan.means, None, folder, offline=offline)
    return Created(realised.prefix, environment, plan.warnings)
