"""Which kind an environment is of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from repro.env.which_python import NoPython, find_python, which
from repro.model.environments.environment_settings import EnvironmentSettings


def find_kind(
    settings: EnvironmentSettings, command: Sequence[str], cwd: str, environ: Mapping[str, str], project_root: str
) -> str:
    """Return the kind of the environment that `command` uses.

    In this order: `environment.kind`; what the other settings name (an image, a Dockerfile, a conda file); `conda`
    where the command's Python, or the command itself, is in a conda prefix; else `pip`.

    Args:
        settings: of the environment.
        command: may be empty.
        cwd: where the command starts.
        environ: the variables of the command.
        project_root: an absolute path.
    """
    if settings.kind is not None:
        return settings.kind
    if settings.image is not None:
        return "image"
    if settings.file is not None:
        return kind_of_file(settings.file)
    try:
        program: str | None = find_python(command, cwd, environ, project_root, settings.python)
    except NoPython:
        program = which(command[0], cwd, environ.get("PATH", os.defpath)) if command else None
        active = environ.get("CONDA_PREFIX")
        program = program or (os.path.join(active, "bin", "python") if active else None)
    return "conda" if program is not None and is_in_conda_prefix(program) else "pip"


def kind_of_file(path: str) -> str:
    """Return the kind that a file describes, by its name: conda's files are YAML, anything else is a Dockerfile."""
    return "conda" if path.endswith((".yml", ".yaml")) else "image"


def is_in_conda_prefix(program: str) -> bool:
    """Whether a program, symlinks not resolved, is in the `bin` of a conda prefix."""
    return os.path.isdir(os.path.join(os.path.dirname(os.path.dirname(program)), "conda-meta"))
