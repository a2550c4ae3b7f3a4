"""On what an environment depends that may forget it: an index, a channel, a git host, a registry."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.dataclass import dataclass
from repro.model.environments.build_requirements import not_among
from repro.model.environments.environment import CondaEnvironment, Environment, ImageEnvironment, PipEnvironment
from repro.model.environments.wheel_names import is_wheel_of


@dataclass(frozen=True, slots=True)
class Outside:
    """Who must answer before an environment can be made (`source`), because `unarchived` is not archived; in words."""

    source: str
    unarchived: str = "the environment"


def outside_of(environment: Environment, archive: Sequence[str] | None, build: Sequence[str]) -> Outside | None:
    """Say on what making an environment depends; None where it depends on nothing.

    Args:
        environment: what is to be made.
        archive: the names of the files of its archive; None where it has none.
        build: what builds the project's own packages, as the run's code says it.
    """
    if archive is None:
        return Outside(_source(environment)) if depends_on_outside(environment, build) else None
    commits = commits_not_archived(environment, archive)
    if commits:
        return Outside("git hosts", f"what is installed from a commit ({', '.join(commits)})")
    missing = not_archived_to_build(environment, archive, build)
    return Outside("package indexes", f"what builds its own packages ({', '.join(missing)})") if missing else None


def depends_on_outside(environment: Environment, build: Sequence[str]) -> bool:
    """Whether it depends on something, unless it is archived. What is not pinned, nobody can archive."""
    match environment:
        case PipEnvironment():
            return environment.lock is not None or bool(environment.vcs or environment.unlocked or build)
        case CondaEnvironment() | ImageEnvironment():
            return True


def not_archived_to_build(environment: Environment, archive: Sequence[str], build: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what builds the project's own packages and is not among the archive's files."""
    if isinstance(environment, ImageEnvironment) or environment.python is None:
        return ()
    return tuple(not_among(build, archive, environment.python))


def commits_not_archived(environment: Environment, archive: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what was installed from a commit and is not among the archive's files as a wheel."""
    if isinstance(environment, ImageEnvironment):
        return ()
    return tuple(
        install.name
        for install in environment.vcs
        if not any(is_wheel_of(file, install.name, install.version) for file in archive)
    )


def _source(environment: Environment) -> str:
    match environment:
        case PipEnvironment():
            return "package indexes and git hosts"
        case CondaEnvironment():
            return "conda channels and package indexes"
        case ImageEnvironment():
            if environment.references:
                return "a container registry"
            return "an engine that has the image, since no registry is known to"
