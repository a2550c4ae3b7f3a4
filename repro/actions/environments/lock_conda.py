"""`conda-lock.yml` made from the project's `environment.yml`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.env.conda.channels import need_rattler
from repro.env.conda.file_names import LOCKS, cache_dir, find_lock, find_wish, may_be_conda
from repro.env.conda.lock_maker import LockTask, make_lock
from repro.env.conda.platform import platform_here
from repro.env.conda.project_files import is_a_directory, read_wish
from repro.errors import UsageError
from repro.model.dataclass import dataclass
from repro.model.environments.conda_environment_yml import PLATFORM_EXAMPLES, PLATFORMS
from repro.model.environments.conda_lock_file import dump_conda_lock
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.finding import Finding
from repro.project import Project
from repro.store.files.whole_file import replace_text


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
    if not may_be_conda(settings) or (settings.kind is None and settings.file is None and settings.lock):
        return None
    return find_wish(project.root, settings)


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
        as `repro.env.conda.lock_maker.make_lock`, and BadEnvironmentYml.
        NoCondaFile: a directory has the name of one of the two files.
        UsageError: a platform is none.
    """
    settings = project.settings.environment
    wish = read_wish(project.root, source, settings)  # what is wrong in it is said first: nothing else would mend it
    own = os.path.join(project.root, settings.lock or find_lock(project.root, settings) or LOCKS[0])
    target = os.path.join(project.cwd, output) if output else own
    if output != "-" and os.path.isdir(target):
        raise is_a_directory(os.path.relpath(target, project.root))
    need_rattler()
    chosen = tuple(dict.fromkeys(platforms or wish.platforms or (platform_here(),)))
    folder = os.path.dirname(os.path.join(project.root, source))
    for platform in chosen:
        if platform not in PLATFORMS:
            raise UsageError(f"{platform!r} is no platform of conda's", PLATFORM_EXAMPLES)
    task = LockTask(project.environ, folder, cache_dir(project.places.environments), offline, project.root)
    lock = make_lock(wish, chosen, [source, *wish.files], task)
    text = dump_conda_lock(lock).decode()
    if output != "-":
        replace_text(target, text)
    findings = (*wish.findings, *_not_named(settings, source))
    return CondaLocked(source, lock.platforms, len(lock.packages), text, findings)


def _not_named(settings: EnvironmentSettings, source: str) -> list[Finding]:
    if settings.kind is not None or settings.file is not None:
        return []
    detail = f"runs use what is active where they start: no setting says that {source} is this project's"
    return [Finding("environment-not-named", detail, hint=f"`environment: {{file: {source}}}` in repro.yaml")]
