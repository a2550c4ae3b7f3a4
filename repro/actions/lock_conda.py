"""The project's conda files: `conda-lock.yml` made from `environment.yml`, and an environment made from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from repro.env.conda import cache_dir
from repro.env.conda_channels import need_rattler
from repro.env.conda_install import CondaSource
from repro.env.conda_lock_maker import LockTask, make_lock
from repro.env.conda_platform import platform_here, unmet_needs
from repro.env.conda_project_files import LOCKS, find_lock, find_wish, known_channels, read_lock, read_wish
from repro.env.conda_realise import check_platform, realise
from repro.env.which_kind import kind_of_file
from repro.errors import CannotProceed
from repro.model.conda_lock_file import dump_conda_lock, part_of
from repro.model.finding import Finding
from repro.model.settings import EnvironmentSettings
from repro.project import Project
from repro.store.whole_file import replace_text


class MachineLacks(CannotProceed):
    """A machine has not what the packages of a lock ask for: a GPU, a newer C library."""

    id = "machine-lacks"


@dataclass(frozen=True, slots=True)
class CondaLocked:
    """A lock that was made from `source`: how many packages it has for which platforms, and its text."""

    source: str
    platforms: tuple[str, ...]
    packages: int
    text: str
    findings: tuple[Finding, ...]


def wish_to_lock(project: Project) -> str | None:
    """Return the `environment.yml` that `repro env lock` solves, None where it locks what is installed.

    One that the settings do not name counts where they name nothing else.
    """
    settings = project.settings.environment
    if not _may_be_conda(settings) or (settings.kind is None and settings.file is None and settings.lock):
        return None
    return find_wish(project.root, settings)


def _may_be_conda(settings: EnvironmentSettings) -> bool:
    """Whether the settings name conda, or nothing that would be another kind."""
    if settings.kind is not None:
        return settings.kind == "conda"
    if settings.file is not None:
        return kind_of_file(settings.file) == "conda"
    return settings.image is None and settings.python is None


def lock_wish(
    project: Project, source: str, output: str | None, platforms: Sequence[str], *, offline: bool
) -> CondaLocked:
    """Solve an environment.yml and write the lock.

    Args:
        project: whose environment it is.
        source: name of the file, relative to the project's root.
        output: the lock, relative to the current directory; `-` writes none, None is the project's own.
        platforms: in place of those of the file; this machine's where neither names one.
        offline: ask only for what is kept here.

    Raises:
        as `repro.env.conda_lock_maker.make_lock`, and BadEnvironmentYml.
    """
    need_rattler()
    settings = project.settings.environment
    wish = read_wish(project.root, source, settings)
    chosen = tuple(dict.fromkeys(platforms or wish.platforms or (platform_here(),)))
    folder = os.path.dirname(os.path.join(project.root, source))
    task = LockTask(project.environ, folder, cache_dir(project.places.environments), offline)
    lock = make_lock(wish, chosen, [source], task)
    text = dump_conda_lock(lock).decode()
    if output != "-":
        own = os.path.join(project.root, settings.lock or find_lock(project.root, settings) or LOCKS[0])
        replace_text(os.path.join(project.cwd, output) if output else own, text)
    findings = (*wish.findings, *_not_named(settings, source))
    return CondaLocked(source, lock.platforms, len(lock.packages), text, findings)


def _not_named(settings: EnvironmentSettings, source: str) -> list[Finding]:
    if settings.kind is not None or settings.file is not None:
        return []
    detail = f"runs use what is active where they start: no setting says that {source} is this project's"
    return [Finding("environment-not-named", detail, hint=f"`environment: {{file: {source}}}` in repro.yaml")]


def create_from_lock(project: Project, *, offline: bool) -> str | None:
    """Make the environment of the project's conda-lock.yml, or find it made, and return its path.

    None where the project's environment is not conda's, or there is no such lock.

    Raises:
        MachineLacks: the machine has not what the packages need.
        CannotProceed, IntegrityError, RemoteError: as `repro.env.conda_realise.realise`.
    """
    settings = project.settings.environment
    name = find_lock(project.root, settings) if _may_be_conda(settings) else None
    if name is None:
        return None
    need_rattler()
    lock = read_lock(project.root, name)
    here = check_platform(lock, name)
    lacking = unmet_needs(lock.needs.get(here, ()), project.environ)
    if lacking:
        raise MachineLacks("; ".join(finding.detail for finding in lacking), lacking[0].hint)
    envs_dir = project.places.environments

    def source() -> CondaSource:
        channels = known_channels(project.root, settings, lock, project.environ)
        return CondaSource({}, channels, cache_dir(envs_dir), offline, project.environ)

    return realise(part_of(lock, here), envs_dir=envs_dir, source=source).prefix
