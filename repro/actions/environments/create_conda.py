"""The environment of the project's `conda-lock.yml`: made, or found made."""

from __future__ import annotations

import os

from repro.actions.environments.remembered import remember, remembered
from repro.env.conda.file_names import cache_dir, find_lock, may_be_conda
from repro.errors import CannotProceed
from repro.project import Project


class MachineLacks(CannotProceed):
    """A machine has not what the packages of a lock ask for: a GPU, a newer C library."""

    id = "machine-lacks"


def create_from_lock(project: Project, *, offline: bool) -> str | None:
    """Make the environment of the project's conda-lock.yml, or find it made, and return its path.

    None where the project's environment is not conda's, or there is no such lock. Which environment a lock stands for
    is remembered, so that one which stands is found without reading the lock.

    Raises:
        MachineLacks: the machine has not what the packages need.
        CannotProceed, IntegrityError, RemoteError: as `repro.env.conda.realise.realise`.
    """
    settings = project.settings.environment
    name = find_lock(project.root, settings) if may_be_conda(settings) else None
    if name is None:
        return None
    try:
        with open(os.path.join(project.root, name), "rb") as file:
            data = file.read()
    except IsADirectoryError:
        from repro.env.conda.project_files import is_a_directory

        raise is_a_directory(name) from None
    # With packages of the project's own folders in it (docs/reference/format.md), an environment is this checkout's.
    decisive = data + os.fsencode(project.root) if b"project-install." in data else data
    standing = remembered(project.places, "conda-lock", decisive)
    if standing is None:
        standing = _make(project, name, data, offline=offline)
        remember(project.places, "conda-lock", decisive, standing)
    return standing


def _make(project: Project, name: str, data: bytes, *, offline: bool) -> str:
    from repro.env.conda.channels import need_rattler
    from repro.env.conda.install import CondaSource
    from repro.env.conda.lock_parts import parts_of
    from repro.env.conda.platform import unmet_needs
    from repro.env.conda.project_files import known_channels
    from repro.env.conda.realise import check_platform, realise
    from repro.model.environments.conda_lock_file import parse_conda_lock

    need_rattler()
    lock = parse_conda_lock(data, name)
    here = check_platform(lock, name)
    lacking = unmet_needs(lock.needs.get(here, ()), project.environ)
    if lacking:
        raise MachineLacks("; ".join(finding.detail for finding in lacking), lacking[0].hint)
    envs_dir = project.places.environments

    def source() -> CondaSource:
        channels = known_channels(project.root, project.settings.environment, lock, project.environ)
        return CondaSource({}, channels, cache_dir(envs_dir), offline, project.environ)

    parts = parts_of(lock, here, project.root)
    made = realise(
        parts.files,
        envs_dir=envs_dir,
        source=source,
        vcs=parts.commits,
        project=parts.project,
        root=parts.root,
        read=lock,
    )
    return made.prefix
