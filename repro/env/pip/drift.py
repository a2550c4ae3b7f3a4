"""What is installed against what the project's lock says. The installed is recorded; the difference is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repro.env.pip.project_lock import ProjectLock
from repro.model.finding import Finding

# They install the others, and no lock lists them.
_INSTALLERS = frozenset(("pip", "setuptools", "wheel", "uv", "distribute"))


def drift_findings(lock: ProjectLock, installed: Mapping[str, str], project: Iterable[str]) -> tuple[Finding, ...]:
    """Return one finding for each package that is not as the lock says, sorted by name.

    Args:
        lock: the project's.
        installed: name to version of every installed distribution.
        project: names of those that were installed from inside the project; no lock needs to list them.
    """
    locked: dict[str, list[str | None]] = {}
    for package in lock.packages:
        locked.setdefault(package.name, []).append(package.version)
    details: dict[str, str] = {}
    for name, version in installed.items():
        if name in locked:
            if version not in locked[name] and None not in locked[name]:
                details[name] = f"{name} {version} installed, {lock.path} has {_versions(locked[name])}"
        elif name not in _INSTALLERS and name not in set(project):
            details[name] = f"{name} {version} installed, {lock.path} does not have it"
    for package in lock.packages:
        if package.expected and package.name not in installed:
            details[package.name] = f"{package.name} not installed, {lock.path} has {package.version or 'it'}"
    return tuple(
        Finding("environment-drift", detail, path=lock.path, hint=_hint(lock.path))
        for _, detail in sorted(details.items())
    )


def _versions(versions: list[str | None]) -> str:
    return " and ".join(sorted(version for version in versions if version is not None))


def _hint(path: str) -> str:
    if path.endswith("uv.lock"):
        return "uv sync, or uv lock if the installed is what is meant"
    return f"uv pip sync {path}, or lock again if the installed is what is meant"
