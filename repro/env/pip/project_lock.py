"""Reads the lock that a project already has: `uv.lock`, `pylock.toml` (PEP 751), or hashed requirements.

It is the user's own file, so what it says beyond names, versions, markers and hashes is none of our business and is
passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from repro.env.pip.lock_file import canonical_version
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_HASH = pattern(r"--hash[= ]sha256:([0-9a-f]{64})")
_SHA256 = pattern(r"sha256:([0-9a-f]{64})")
_PINNED = pattern(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;\\]+)\s*(?:;\s*(.*))?")
_NAMES = ("uv.lock", "pylock.toml", "requirements.lock", "requirements.txt")


class UnreadableProjectLock(Exception):
    """A project's lock that cannot be read; the capture turns it into a finding. What it says goes after its path."""


@dataclass(frozen=True, slots=True)
class ProjectPackage:
    """One package of a project's lock.

    Attributes:
        name: normalised.
        version: None where the lock has none (a folder, a URL).
        hashes: SHA-256 of its files on the index, hex; empty for what comes from elsewhere.
        expected: whether the lock wants it on the machine at hand, without extras and groups.
    """

    name: str
    version: str | None
    hashes: tuple[str, ...]
    expected: bool


@dataclass(frozen=True, slots=True)
class ProjectLock:
    """A project's lock. `path` is relative to the project's root, as it is shown."""

    path: str
    packages: tuple[ProjectPackage, ...]

    def hashes_of(self, name: str, version: str) -> tuple[str, ...]:
        """Return the hashes for exactly that version; empty where the lock does not have it."""
        return next((p.hashes for p in self.packages if p.name == name and p.version == version), ())


def find_project_lock(project_root: str, configured: str | None = None) -> str | None:
    """Return the path of the project's lock relative to its root, None where there is none.

    `configured` wins; then `uv.lock`, `pylock.toml`, `requirements.lock`, `requirements*.txt` in that order. A
    requirements file without a hash is no lock. A directory of one of these names is found: who reads it says so.
    """
    if configured is not None:
        return os.path.relpath(os.path.join(project_root, configured), project_root)
    names = [name for name in os.listdir(project_root) if re.fullmatch(r"requirements.+\.txt", name)]
    for name in (*_NAMES, *sorted(names)):
        path = os.path.join(project_root, name)
        if os.path.isdir(path) and name in _NAMES:
            return name
        if os.path.isfile(path) and (not name.startswith("requirements") or _has_hashes(path)):
            return name
    return None


def read_project_lock(project_root: str, path: str, markers: Mapping[str, str]) -> ProjectLock:
    """Read a lock.

    Args:
        project_root: an absolute path.
        path: of the lock, relative to it.
        markers: PEP 508's environment markers of the interpreter at hand.

    Raises:
        UnreadableProjectLock: it is not there, cannot be read, or is no lock.
    """
    import tomllib

    name = os.path.basename(path)
    try:
        with open(os.path.join(project_root, path), encoding="utf-8") as file:
            text = file.read()
        if name.endswith(".toml"):
            packages = _of_pylock(tomllib.loads(text), markers)
        elif name == "uv.lock":
            packages = _of_uv_lock(tomllib.loads(text), markers)
        else:
            packages = _of_requirements(text, markers)
    except OSError as error:
        raise UnreadableProjectLock(f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableProjectLock(f"cannot be read: {error}") from error
    return ProjectLock(path, packages)


def _of_requirements(text: str, markers: Mapping[str, str]) -> tuple[ProjectPackage, ...]:
    packages = read_requirements(text, markers)
    if not packages and any(line.strip() and not line.strip().startswith(("#", "-")) for line in text.splitlines()):
        raise ValueError("no line of it names a package and its version")
    return packages


def read_requirements(text: str, markers: Mapping[str, str] | None = None) -> tuple[ProjectPackage, ...]:
    """Return the pinned packages of a requirements file; other lines are passed over."""
    packages = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        requirement = re.split(r"\s--|\s#|^#", line.strip())[0].strip()
        pinned = _PINNED.fullmatch(requirement)
        if pinned:
            expected = markers is None or applies(pinned.group(3), markers)
            hashes = tuple(sorted(set(_HASH.findall(line))))
            packages.append(
                ProjectPackage(_normalised(pinned.group(1)), canonical_version(pinned.group(2)), hashes, expected)
            )
    return tuple(packages)


def applies(marker: str | None, markers: Mapping[str, str]) -> bool:
    """Whether a marker holds; one that cannot be evaluated (an extra, a group, a newer grammar) does not."""
    if not marker:
        return True
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    try:
        return Marker(marker).evaluate({"extra": "", **markers})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, KeyError):
        return False


def _of_pylock(plain: Any, markers: Mapping[str, str]) -> tuple[ProjectPackage, ...]:
    if not str(plain["lock-version"]).startswith("1."):
        raise ValueError(f"lock-version {plain['lock-version']} is not known")
    packages = []
    for package in plain.get("packages", []):
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        hashes = tuple(sorted({file["hashes"]["sha256"] for file in files if "sha256" in file["hashes"]}))
        expected = applies(package.get("marker"), markers)
        version = canonical_version(package["version"]) if "version" in package else None
        packages.append(ProjectPackage(_normalised(package["name"]), version, hashes, expected))
    return tuple(packages)


def _of_uv_lock(plain: Any, markers: Mapping[str, str]) -> tuple[ProjectPackage, ...]:
    if plain["version"] != 1:
        raise ValueError(f"version {plain['version']} is not known")
    wanted = _wanted_of_uv_lock(plain["package"], markers)
    packages = []
    for package in plain["package"]:
        source = package["source"]
        if "virtual" in source:
            continue
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        found = _SHA256.findall(" ".join(str(file.get("hash", "")) for file in files))
        hashes = tuple(sorted(set(found))) if "registry" in source else ()
        version = package.get("version")
        packages.append(ProjectPackage(package["name"], version, hashes, (package["name"], version) in wanted))
    return tuple(packages)


def _wanted_of_uv_lock(packages: list[Any], markers: Mapping[str, str]) -> set[tuple[str, str | None]]:
    """Return name and version of what a plain `uv sync` without groups and extras installs here.

    A universal lock may hold a package several times; an edge then names the version it means.
    """
    by_name: dict[str, list[Any]] = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    todo = [p for p in packages if p["source"].keys() & {"editable", "virtual"}]
    wanted: dict[tuple[str, str | None], None] = {}
    taken_extras: set[tuple[str, str | None, str]] = set()
    edges = [edge for member in todo for edge in member.get("dependencies", [])]
    wanted.update({(p["name"], p.get("version")): None for p in todo})
    while edges:
        edge = edges.pop()
        if not applies(edge.get("marker"), markers):
            continue
        for package in by_name.get(edge["name"], []):
            key = (package["name"], package.get("version"))
            if "version" in edge and edge["version"] != key[1]:
                continue
            if key not in wanted:
                wanted[key] = None
                edges += package.get("dependencies", [])
            edges += _edges_of_extras(package, key, edge.get("extra", []), taken_extras)
    return set(wanted)


def _edges_of_extras(
    package: Any, key: tuple[str, str | None], extras: Iterable[str], taken: set[tuple[str, str | None, str]]
) -> list[Any]:
    edges: list[Any] = []
    for extra in extras:
        if (*key, extra) not in taken:
            taken.add((*key, extra))
            edges += package.get("optional-dependencies", {}).get(extra, [])
    return edges


def _has_hashes(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _HASH.search(file.read()) is not None
    except OSError:
        return False


def _normalised(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
