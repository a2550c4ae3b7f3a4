"""What builds the project's own packages, as `pyproject.toml` says it (PEP 518), and what of it an archive lacks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence

from repro.model.dataclass import dataclass
from repro.model.environments.environment import Interpreter

_SETUPTOOLS = ("setuptools >= 40.8.0",)
"""What PEP 518 says of a project that does not say what builds it."""

_LEGACY = "setuptools.build_meta:__legacy__"
"""What PEP 517 says of one that names no backend."""


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """What `pyproject.toml` says of building: what the backend needs to start, its name, and where it lies."""

    requires: tuple[str, ...] = _SETUPTOOLS
    backend: str = _LEGACY
    backend_path: tuple[str, ...] = ()


def build_system(pyproject: bytes | None) -> BuildSystem:
    """Return what builds a package.

    Args:
        pyproject: the bytes of its `pyproject.toml`; None where it has none.
    """
    try:
        said = tomllib.loads((pyproject or b"").decode()).get("build-system", {})
        requires = said.get("requires", _SETUPTOOLS)
        backend, paths = said.get("build-backend", _LEGACY), said.get("backend-path", ())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        return BuildSystem()
    return BuildSystem(
        tuple(str(line) for line in requires) if isinstance(requires, list) else _SETUPTOOLS,
        str(backend),
        tuple(str(path) for path in paths) if isinstance(paths, list) else (),
    )


def build_requirements(pyproject: bytes | None) -> tuple[str, ...]:
    """Return what pip has to have before it can build a package; as `build_system`."""
    return build_system(pyproject).requires


def not_among(build: Sequence[str], files: Iterable[str], python: Interpreter) -> dict[str, str]:
    """Return what builds packages and has no wheel among the files of an archive: requirements by their names.

    What those need in their turn is not looked at: an archive is made with it.

    Args:
        build: requirements, as `build_requirements` returns them.
        files: the names of the archive's files.
        python: the interpreter that builds, for markers (PEP 508).
    """
    if not build:
        return {}
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

    versions = set()
    for file in files:
        try:
            name, version, _, _ = parse_wheel_filename(file)
        except InvalidWheelFilename:  # a conda package
            continue
        versions.add((str(name), version))
    minor = ".".join(python.version.split(".")[:2])
    markers = {"python_version": minor, "python_full_version": python.version, "extra": ""}
    missing: dict[str, str] = {}
    for line in build:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            missing[line] = line
            continue
        if wanted.marker is not None and not wanted.marker.evaluate(markers):
            continue
        name = canonicalize_name(wanted.name)
        fitting = (v for n, v in versions if n == name and wanted.specifier.contains(v, prereleases=True))
        if next(fitting, None) is None:
            missing[str(name)] = line
    return missing
