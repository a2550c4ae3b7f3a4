"""Which conda prefix a command uses: the one that its program is in, the active one, or the one made from the lock."""

from __future__ import annotations

import os

from repro.env.kinds import LockRequest
from repro.env.which_kind import is_in_conda_prefix
from repro.env.which_python import NoPython, find_python, which
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass


class NoCondaEnvironment(CannotProceed):
    """No conda environment is in use here."""

    id = "no-conda-environment"


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix; `active` is whether the command finds its programs there by itself."""

    path: str
    active: bool


def find_prefix(request: LockRequest) -> Place:
    """Return the prefix that a command uses.

    In this order: the one that its Python, or its program, is in; `$CONDA_PREFIX`; the one that `repro env create` made
    from the project's conda-lock.yml.

    Raises:
        NoCondaEnvironment: none of these.
        BadCondaLock: the project's lock is none.
    """
    from repro.env.conda.prefix import is_conda_prefix

    for program in _programs(request):
        if is_in_conda_prefix(program):
            return Place(os.path.dirname(os.path.dirname(program)), active=True)
    active = request.environ.get("CONDA_PREFIX")
    if active and is_conda_prefix(active):
        return Place(active, active=os.path.join(active, "bin") in request.environ.get("PATH", "").split(":"))
    return Place(_made_from_lock(request), active=False)


def _programs(request: LockRequest) -> list[str]:
    path = request.environ.get("PATH", os.defpath)
    named = request.python or request.settings.python
    found = []
    if request.command and named is None:
        program = which(request.command[0], request.cwd, path)
        found += [program] if program else []
    try:
        found.append(find_python(request.command, request.cwd, request.environ, request.project_root, named))
    except NoPython:
        if named is not None:
            raise
    return found


def _made_from_lock(request: LockRequest) -> str:
    from repro.env.conda.file_names import find_lock
    from repro.env.conda.lock_parts import parts_of
    from repro.env.conda.platform import platform_by_name
    from repro.env.conda.project_files import read_lock
    from repro.env.conda.realise import environment_key
    from repro.env.environment_cache import cached_environment

    name = find_lock(request.project_root, request.settings)
    if name is None:
        raise NoCondaEnvironment(
            "no conda environment is active, and the project has no conda-lock.yml",
            "activate one; or `repro env lock` makes a lock of environment.yml, and `repro env create` an environment",
        )
    here = platform_by_name()
    locked = read_lock(request.project_root, name)
    if here not in locked.platforms:
        raise NoCondaEnvironment(
            f"{name} is for {', '.join(locked.platforms)}, this machine is {here}",
            f"lock it for this machine as well: `repro env lock --platform {here}`",
        )
    parts = parts_of(locked, here, request.project_root)
    key = environment_key(parts.files, parts.commits, (), parts.project, parts.root)
    standing = cached_environment(request.envs_dir, key)
    if standing is None:
        raise NoCondaEnvironment(
            f"no conda environment is active, and none was made from {name} yet",
            "`repro env create` makes it; or activate one",
        )
    return standing
