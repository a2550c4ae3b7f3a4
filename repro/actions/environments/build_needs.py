"""What builds the project's own packages of a run, as the run's code says it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import BinaryIO

from repro.actions.run_source import RunSource, bring, open_run
from repro.model.data.content import ObjectRef
from repro.model.environments.build_requirements import build_requirements
from repro.model.environments.environment import CondaEnvironment, Environment, PipEnvironment, ProjectInstall
from repro.model.names import is_within, parse_path
from repro.model.runs.manifest import Manifest
from repro.project import Project


def requirements_of_run(project: Project, manifest: Manifest) -> tuple[str, ...]:
    """Return what builds the project's own packages of a run of this project.

    Raises:
        MissingObject, MissingOnRemote, RemoteError, IntegrityError: the run's code cannot be had.
    """
    if not _installs(manifest):
        return ()
    return requirements_of_source(open_run(project, manifest.run, None))


def requirements_of_source(source: RunSource) -> tuple[str, ...]:
    """Return what builds the project's own packages of a run; its code is brought into the store.

    Raises:
        as `requirements_of_run`.
    """

    def copy(pack: ObjectRef, file: BinaryIO) -> None:
        bring(source, [pack])
        source.cache.copy_to(pack, file.fileno())

    return requirements_in_code(source.manifest, copy)


def requirements_in_code(manifest: Manifest, copy: Callable[[ObjectRef, BinaryIO], None]) -> tuple[str, ...]:
    """Return what builds the project's own packages of a run, sorted.

    Args:
        manifest: of the run.
        copy: writes one of its code packs to a file.

    Raises:
        BadCodePack: a pack is not what it must be.
    """
    lines: set[str] = set()
    for install in _installs(manifest):
        path = b"" if install.path == "." else bytes(parse_path(install.path))
        lines.update(build_requirements(_pyproject(manifest, path, copy)))
    return tuple(sorted(lines))


def has_own_packages(environment: Environment) -> bool:
    """Whether packages of the project itself are installed in an environment."""
    return isinstance(environment, PipEnvironment | CondaEnvironment) and bool(environment.project)


def _installs(manifest: Manifest) -> tuple[ProjectInstall, ...]:
    environment = manifest.recipe.environment
    return environment.project if isinstance(environment, PipEnvironment | CondaEnvironment) else ()


def _pyproject(manifest: Manifest, folder: bytes, copy: Callable[[ObjectRef, BinaryIO], None]) -> bytes | None:
    from repro.code.code_pack_files import read_from_code_pack

    code = manifest.code
    commit, pack, root = code.commit, code.pack, b""
    for submodule in code.submodules:
        if is_within(folder, bytes(submodule.path)):
            commit, pack, root = submodule.commit, submodule.pack, bytes(submodule.path)
    path = os.path.relpath(os.path.join(folder, b"pyproject.toml"), root or b".")
    with tempfile.TemporaryFile() as file:
        copy(pack, file)
        file.flush()
        return read_from_code_pack(file, commit, [path]).get(path)
