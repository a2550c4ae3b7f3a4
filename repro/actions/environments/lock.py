"""`repro env`: the lock as a file, an environment shown."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.actions.environments.create import NoEnvironment
from repro.actions.environments.environment import CapturedEnvironment, capture_environment
from repro.env.pip.install_failures import IndexUnreachable
from repro.errors import CannotProceed, UsageError
from repro.model.dataclass import dataclass
from repro.model.environments.environment import Environment, ImageEnvironment, PipEnvironment
from repro.model.environments.image_lock import LOCK_FILE, render_image_lock
from repro.model.finding import Finding
from repro.project import Project
from repro.store.files.whole_file import replace_text

_FILES = {"pip": "requirements.lock", "conda": "conda-lock.yml", "image": LOCK_FILE}


class NotLockable(CannotProceed):
    """Packages are installed that nothing pins by content."""

    id = "not-lockable"


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock and its environment. `text` is the lock file's text, `output` where it went, as it is shown."""

    environment: Environment
    findings: tuple[Finding, ...]
    text: str
    output: str


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


def lock_environment(
    project: Project, output: str | None, python: str | None, platform: str | None = None, *, offline: bool = False
) -> Locked:
    """Pin the environment, asking the index or the registry anew, and write the lock to the file `output`.

    `-` writes none; None is the file that the settings name, or the kind's own. With `platform` (as uv calls it, or
    `universal`), the file is of another platform than this machine's; what is recorded of runs stays what is installed.

    Raises:
        NotLockable: a package cannot be pinned; nothing is written.
        IndexUnreachable: none of those is known to be unpinnable: an index did not answer, or refused.
        UsageError: a platform was named for an environment of another kind than `pip`.
    """
    captured = capture_environment(project, (), python=python, offline=offline, refresh=True)
    environment = captured.environment
    if environment is None:
        raise NoEnvironment("no Python was found whose environment could be locked", "name it with --python")
    if environment.unlocked:
        reasons = [f.detail for f in captured.findings if f.kind == "environment-unlocked"]
        count = len(environment.unlocked)
        kind = IndexUnreachable if captured.silent.issuperset(environment.unlocked) else NotLockable
        raise kind(
            f"{count} package{'s' * (count != 1)} cannot be pinned: {_in_short(reasons)}",
            next((f.hint for f in captured.findings if f.kind == "environment-unlocked"), None),
        )
    text = captured.text or _lock_text(project, environment)
    if platform is not None:
        text = _lock_elsewhere(project, captured, text, platform, offline)
    target, shown = _target(project, environment, output)
    if target is not None:
        replace_text(target, text)
    return Locked(environment, captured.findings, text, shown)


def _in_short(reasons: Sequence[str]) -> str:
    """Say each reason once, with the first packages that it holds for: a silent index has none of all."""
    packages: dict[str, list[str]] = {}
    for text in reasons:
        package, _, reason = text.partition(" is not pinned: ")
        packages.setdefault(reason, []).append(package)
    told = []
    for reason, names in list(packages.items())[:3]:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        told.append(f"{', '.join(names[:3])}{more}: {reason}" if reason else names[0])
    return "; ".join(told)


def _lock_elsewhere(project: Project, captured: CapturedEnvironment, text: str, platform: str, offline: bool) -> str:
    from repro.env.pip.lock_elsewhere import lock_elsewhere
    from repro.env.pip.project_lock import read_requirements

    environment = captured.environment
    if not isinstance(environment, PipEnvironment):
        kind = environment.kind if environment else "pip"
        raise UsageError(f"--platform and --universal lock environments of kind pip; this one is of kind {kind}")
    pins = {package.name: package.version for package in read_requirements(text) if package.version}
    prefix, python = str(captured.observed["prefix"]), str(captured.observed["executable"])
    return lock_elsewhere(pins, prefix, python, platform, project.root, project.environ, offline=offline)


def _target(project: Project, environment: Environment, output: str | None) -> tuple[str | None, str]:
    """Return the lock file's path, and how it is shown."""
    if output == "-":
        return None, output
    if output is not None:
        return os.path.join(project.cwd, output), output
    name = (project.settings.environment.lock if environment.kind == "image" else None) or _FILES[environment.kind]
    # repro itself reads an image's lock, in the project's root; the others are for other programs.
    return os.path.join(project.root if environment.kind == "image" else project.cwd, name), name


def _lock_text(project: Project, environment: Environment) -> str:
    if isinstance(environment, ImageEnvironment):
        return render_image_lock(environment).decode()
    if environment.lock is None:
        return ""
    return project.cache().read(environment.lock).decode()
