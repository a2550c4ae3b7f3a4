"""Remembers what the build backends of a run's own packages asked for, so that each code is asked once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from repro.env.memo_file import write_memo
from repro.model.canonical import canonical_digest
from repro.model.digest import hex_of
from repro.model.environments.environment import Environment
from repro.model.environments.environment_record import environment_id
from repro.model.runs.manifest import Manifest
from repro.project import Project


def asked_before(project: Project, manifest: Manifest, environment: Environment) -> tuple[str, ...] | None:
    """Return what builds the run's own packages, what their backends ask for as well; None where nobody asked."""
    try:
        with open(_path(project, manifest, environment), encoding="utf-8") as file:
            lines = json.load(file)
    except (OSError, ValueError):
        return None
    return tuple(map(str, lines)) if isinstance(lines, list) else None


def remember_asked(project: Project, manifest: Manifest, environment: Environment, build: Sequence[str]) -> None:
    """Keep what the backends of a run's own packages need, as they were asked."""
    write_memo(_path(project, manifest, environment), json.dumps(list(build)))


def _path(project: Project, manifest: Manifest, environment: Environment) -> str:
    """Return a file for this code in this environment: a backend may look at any file of the code."""
    code = [manifest.recipe.code, *(submodule.commit for submodule in manifest.code.submodules)]
    key = hex_of(canonical_digest([environment_id(environment), *code]))
    return os.path.join(project.places.memos, "asked-backends", key[:32])
