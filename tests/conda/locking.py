"""From the text of an environment.yml to a lock and an environment, as the actions do it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from repro.env.conda.channels import Channel
from repro.env.conda.install import CondaSource
from repro.env.conda.lock_maker import LockTask, make_lock
from repro.env.conda.platform import platform_here
from repro.env.conda.realise import realise
from repro.env.realised import PrefixEnvironment
from repro.model.environments.conda_environment_yml import parse_environment_yml
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.conda_lock_file import part_of


def lock(text: str, place: Path, *platforms: str, offline: bool = False, **variables: str) -> CondaLock:
    """Solve for some platforms, this machine's where none is named."""
    task = LockTask({**os.environ, **variables}, str(place), str(place / "cache"), offline)
    wish = parse_environment_yml(text.encode(), "environment.yml")
    return make_lock(wish, platforms or (platform_here(),), ["environment.yml"], task)


def one_of(locked: CondaLock) -> bytes:
    """The part of a lock that is for this machine."""
    return part_of(locked, platform_here())


def make(
    locked: bytes,
    place: Path,
    *,
    archived: Mapping[str, str] | None = None,
    offline: bool = False,
    channels: tuple[Channel, ...] = (),
    **variables: str,
) -> PrefixEnvironment:
    """Make an environment below `place`, with a cache of its own there."""
    source = CondaSource(archived or {}, channels, str(place / "cache"), offline, {**os.environ, **variables})
    return realise(locked, envs_dir=str(place / "envs"), source=lambda: source)


def everything_below(folder: Path) -> bytes:
    """The names and contents of all files below a folder, to look for what must not be there."""
    found = []
    for path in folder.rglob("*"):
        found.append(os.fsencode(path))
        if path.is_file() and not path.is_symlink():
            found.append(path.read_bytes())
    return b"\0".join(found)
