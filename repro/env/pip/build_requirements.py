"""What builds the project's own packages, as their `pyproject.toml` says it (PEP 518)."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence

from repro.model.environments.environment import ProjectInstall
from repro.model.names import parse_path

_SETUPTOOLS = ("setuptools >= 40.8.0",)
"""What PEP 518 says of a project that does not say what builds it."""


def build_requirements(installs: Sequence[ProjectInstall], root: str) -> list[str]:
    """Return what pip has to have before it can build packages of a project.

    Args:
        installs: the packages.
        root: of the project.
    """
    return sorted({line for install in installs for line in _of_one(install, root)})


def _of_one(install: ProjectInstall, root: str) -> Sequence[str]:
    folder = root if install.path == "." else os.path.join(root, os.fsdecode(parse_path(install.path)))
    try:
        with open(os.path.join(folder, "pyproject.toml"), "rb") as file:
            requires = tomllib.load(file).get("build-system", {}).get("requires", _SETUPTOOLS)
    except (FileNotFoundError, tomllib.TOMLDecodeError):
        return _SETUPTOOLS
    return [str(line) for line in requires]
