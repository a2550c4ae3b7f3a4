"""`repro env diff` and `repro env check`: two environments, or what is in use here and what was recorded."""

from __future__ import annotations

import os

from repro.actions.environments.create import NoEnvironment
from repro.actions.environments.environment import capture_environment, kind_here, lock_request
from repro.env.conda.platform import platform_by_name
from repro.env.kind_modules import kind_named
from repro.env.pip.project_lock import UnreadableProjectLock, read_project_lock
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.conda_lock_file import parse_conda_lock
from repro.model.environments.environment_diff import Contents, EnvironmentDifference, compare_contents, contents_of
from repro.model.finding import Finding
from repro.project import Project

HERE = "."


class UnreadableLock(CannotProceed):
    """A lock file that was named cannot be read."""

    id = "unreadable-lock"


@dataclass(frozen=True, slots=True)
class ComparedEnvironments:
    """Two environments by what they were called, and how the second differs."""

    before: str
    after: str
    difference: EnvironmentDifference


def compare_environments(project: Project, before: str, after: str, python: str | None) -> ComparedEnvironments:
    """Compare two of: a run, a lock file, `.` for what is in use here.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        NoEnvironment: a run has none, or none is in use here.
        UnreadableLock: a file is no lock.
    """
    one, two = _contents(project, before, python), _contents(project, after, python)
    return ComparedEnvironments(before, after, compare_contents(one, two))


def check_environment(project: Project, run: str | None, python: str | None) -> tuple[Finding, ...]:
    """Say in what the environment in use here is not the project's lock, or not that of a run, down to edited files.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        NoEnvironment: the run was recorded without one, or none is in use here.
    """
    if run is None:
        captured = capture_environment(project, (), python=python)
        if captured.environment is None:
            raise NoEnvironment("no environment was found here", "name a Python with --python")
        return captured.findings
    records = project.records()
    manifest = records.read(records.select(run))
    recorded = manifest.recipe.environment
    if recorded is None:
        raise NoEnvironment(f"the run {manifest.run} was recorded without an environment")
    request = lock_request(project, (), python=python)
    here = kind_here(request)
    if here != recorded.kind:
        detail = f"the environment here is of kind {here}, recorded is {recorded.kind}"
        hint = f"`repro env create {manifest.run}` makes the run's"
        return (Finding("environment-drift", detail, run=manifest.run, hint=hint),)
    return kind_named(here).check(recorded, request)


def _contents(project: Project, text: str, python: str | None) -> Contents:
    if text == HERE:
        found = capture_environment(project, (), python=python)
        if found.environment is None:
            raise NoEnvironment("no environment was found here", "name a Python with --python")
        return contents_of(found.environment, found.edited)
    path = os.path.join(project.cwd, text)
    if os.path.isfile(path) and not _is_manifest(text):
        return _of_lock_file(path, text)
    records = project.records()
    manifest = records.read(records.select(text))
    if manifest.recipe.environment is None:
        raise NoEnvironment(f"the run {manifest.run} was recorded without an environment")
    return contents_of(manifest.recipe.environment, manifest.edited)


def _is_manifest(text: str) -> bool:
    return os.path.basename(os.path.dirname(text)) == "runs" and text.endswith(".yaml")


def _of_lock_file(path: str, shown: str) -> Contents:
    if shown.endswith((".yml", ".yaml")):
        with open(path, "rb") as file:
            return _of_conda_lock(parse_conda_lock(file.read(), shown))
    try:
        lock = read_project_lock(os.path.dirname(path), os.path.basename(path), {})
    except UnreadableProjectLock as error:
        raise UnreadableLock(f"{shown} {error}", "name a uv.lock, a pylock.toml or hashed requirements") from None
    return Contents(None, {package.name: package.version or "-" for package in lock.packages}, None)


def _of_conda_lock(lock: CondaLock) -> Contents:
    """Return what a lock has for this machine's platform, or for its first one where it has none."""
    here = platform_by_name()
    packages = lock.of(here if here in lock.platforms or not lock.platforms else lock.platforms[0])
    beside = {package.name: package.version for package in packages if package.manager == "pip"}
    conda = {package.name: f"{package.version} {package.build}" for package in packages if package.manager == "conda"}
    return Contents(None, {f"conda:{n}" if n in beside else n: v for n, v in conda.items()} | beside, None)
