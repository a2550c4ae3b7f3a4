"""Constraints of an environment.yml (`-c FILE` under `pip:`) beside what conda installs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from repro.env.conda.pip_files import PipTarget

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "osx": ("darwin", "Darwin", "posix"),
    "win": ("win32", "Windows", "nt"),
}
_MACHINES = {("linux", "64"): "x86_64", ("osx", "64"): "x86_64", ("win", "64"): "AMD64", ("win", "arm64"): "ARM64"}


def contradicted(constraints: Sequence[str], provided: Mapping[str, str], target: PipTarget) -> dict[str, str]:
    """Return the constraints that what conda installs does not meet, by the normalised name that they are of.

    Args:
        constraints: as pip takes them, without hashes; what is no requirement is passed over.
        provided: normalised names of what conda installs, with versions; one that is none of Python's meets all.
        target: whose markers (PEP 508) count.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for line in constraints:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        name = canonicalize_name(wanted.name)
        if name not in provided or (wanted.marker is not None and not wanted.marker.evaluate(_markers(target))):
            continue
        if wanted.url or not _meets(provided[name], wanted.specifier):
            found[name] = line
    return found


def _meets(version: str, specifier: SpecifierSet) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _markers(target: PipTarget) -> dict[str, str]:
    """Return the markers of a platform that need not be this machine's, as far as they can be told."""
    system, _, machine = target.platform.partition("-")
    sys_platform, platform_system, os_name = _SYSTEMS.get(system, _SYSTEMS["linux"])
    return {
        "python_version": ".".join(target.python.split(".")[:2]),
        "python_full_version": target.python,
        "sys_platform": sys_platform,
        "platform_system": platform_system,
        "os_name": os_name,
        "platform_machine": _MACHINES.get((system, machine), machine),
        "extra": "",
    }
