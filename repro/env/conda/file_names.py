"""How the project's conda files are called, and which of them are there."""

from __future__ import annotations

import os

from repro.env.which_kind import kind_of_file
from repro.model.environments.environment_settings import EnvironmentSettings

WISHES = ("environment.yml", "environment.yaml")
LOCKS = ("conda-lock.yml", "conda-lock.yaml")


def find_wish(root: str, settings: EnvironmentSettings) -> str | None:
    """Return the name of the project's environment.yml, relative to its root; None where there is none.

    What stands under the name and is no file is found as well: who reads it says so.
    """
    if settings.file is not None and not _is_lock(settings.file):
        return settings.file
    return next((name for name in WISHES if os.path.lexists(os.path.join(root, name))), None)


def find_lock(root: str, settings: EnvironmentSettings) -> str | None:
    """Return the name of the project's conda-lock.yml, relative to its root; None without; as `find_wish`."""
    named = settings.lock or (settings.file if settings.file is not None and _is_lock(settings.file) else None)
    if named is not None:
        return named if os.path.lexists(os.path.join(root, named)) else None
    return next((name for name in LOCKS if os.path.lexists(os.path.join(root, name))), None)


def _is_lock(name: str) -> bool:
    return "lock" in os.path.basename(name)


def may_be_conda(settings: EnvironmentSettings) -> bool:
    """Whether the settings name conda, or nothing that would be another kind."""
    if settings.kind is not None:
        return settings.kind == "conda"
    if settings.file is not None:
        return kind_of_file(settings.file) == "conda"
    return settings.image is None and settings.python is None


def cache_dir(envs_dir: str) -> str:
    """Return where unpacked packages and channels' indexes are kept: beside the environments."""
    return os.path.join(os.path.dirname(envs_dir), "conda")
