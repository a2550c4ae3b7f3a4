"""Makes a lock from what an `environment.yml` asks for: conda's part solved, pip's part found, for each platform."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from repro.env.conda.channels import DEFAULT_CHANNELS, Channel, open_channel
from repro.env.conda.platform import virtual_packages
from repro.env.conda.solve import BadMatchSpec, Solved, match_spec, open_gateway, solve
from repro.model.canonical import canonical_digest
from repro.model.dataclass import dataclass
from repro.model.environments.conda_environment_yml import CondaWish
from repro.model.environments.conda_lock import CondaLock
from repro.model.pattern import pattern

if TYPE_CHECKING:  # most files ask nothing of pip
    from repro.env.conda.pip_part import PipPart

_SPEC_NAME = pattern(r"(?:[^:]*::)?([A-Za-z0-9_.-]+)")


@dataclass(frozen=True, slots=True)
class LockTask:
    """What a lock is made with.

    Attributes:
        environ: the user's variables.
        cwd: the folder of the environment.yml: uv's configuration is read from here upwards.
        cache_dir: where the channels' indexes are kept.
        offline: ask only what is kept here.
        root: the project's; empty for `cwd`.
    """

    environ: Mapping[str, str]
    cwd: str
    cache_dir: str
    offline: bool = False
    root: str = ""


def channels_of(wish: CondaWish, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """Return the channels, in their order; conda-forge where none is named.

    Raises:
        NoChannelSecret: a variable that a channel names is not set.
    """
    named = tuple(channel for channel in wish.channels if channel != "nodefaults")
    return tuple(open_channel(channel, environ) for channel in named or DEFAULT_CHANNELS)


def wish_digest(wish: CondaWish, channels: Sequence[Channel], platform: str) -> str:
    """Return what tells whether a lock is still of what is asked for: 64 hex digits."""
    asked = [[channel.url for channel in channels], wish.conda_for(platform), wish.pip_for(platform)]
    asked += [constraints] if (constraints := wish.constraints_for(platform)) else []
    return canonical_digest(asked).removeprefix("b3:")


def make_lock(wish: CondaWish, platforms: Sequence[str], sources: Sequence[str], task: LockTask) -> CondaLock:
    """Solve for each platform.

    Args:
        wish: what is asked for.
        platforms: `linux-64`, …; at least one.
        sources: names of the files that the wish was read from.
        task: with what.

    Raises:
        BadMatchSpec, BadPipPart: usage (2).
        Unsolvable, NoPackageHash, NoWheel, NoSuchChannel, NoChannelSecret, NoRattler: cannot proceed (3).
        ChannelUnreachable, IndexUnreachable: the network (5).
    """
    channels = channels_of(wish, task.environ)
    _check(wish, sources[0])
    gateway = open_gateway(channels, task.environ, os.path.join(task.cache_dir, "repodata"), task.offline)
    virtual = {platform: virtual_packages(platform, task.environ) for platform in platforms}
    solved = {
        platform: solve(gateway, channels, _specs(wish, platform), platform, virtual[platform])
        for platform in platforms
    }
    pip = {
        platform: _pip_part(wish, platform, solved[platform], virtual[platform], task, sources[0])
        for platform in platforms
    }
    packages = [package for one in solved.values() for package in one.packages]
    packages += [package for part in pip.values() if part for package in part.packages]
    return CondaLock(
        platforms=tuple(sorted(platforms)),
        channels=tuple((channel.written, channel.variables) for channel in channels),
        packages=tuple(packages),
        virtual=virtual,
        needs={platform: one.needs for platform, one in solved.items() if one.needs},
        content_hash={platform: wish_digest(wish, channels, platform) for platform in platforms},
        site_packages={platform: one.site_packages for platform, one in solved.items() if one.site_packages},
        sources=tuple(sources),
        project={platform: part.project for platform, part in pip.items() if part and part.project},
    )


def _check(wish: CondaWish, source: str) -> None:
    """Say which line is none of conda's or pip's, before anything is asked for.

    Raises:
        BadMatchSpec, BadPipPart: with the line and column.
    """
    for one in wish.conda:
        try:
            match_spec(one.spec)
        except BadMatchSpec as error:
            raise BadMatchSpec(f"{one.place(source)}: {error.message}", error.hint) from None
    if wish.pip:
        from repro.env.conda.pip_part import BadPipPart, as_uv_takes_it
    for one in (*wish.pip, *wish.constraints):
        try:
            as_uv_takes_it(one.spec, {})
        except BadPipPart as error:
            raise BadPipPart(f"{one.place(source)}: {error.message}", error.hint) from None


def _specs(wish: CondaWish, platform: str) -> list[str]:
    """Return what conda has to find. What pip needs is a Python; that it is there at all is seen to here."""
    specs = list(wish.conda_for(platform))
    names = {found.group(1).lower() for spec in specs if (found := _SPEC_NAME.match(spec))}
    if wish.pip_for(platform) and "python" not in names:
        specs.append("python")
    return specs


def _pip_part(
    wish: CondaWish, platform: str, solved: Solved, virtual: tuple[str, ...], task: LockTask, source: str
) -> PipPart | None:
    requirements = wish.pip_for(platform)
    if not requirements:
        return None
    from packaging.utils import canonicalize_name

    from repro.env.conda.pip_files import PipQuestion, PipTarget
    from repro.env.conda.pip_part import BadPipPart, ConstraintNotMet, pin_pip_part, without_hashes

    python = next(package for package in solved.packages if package.name == "python")
    provided = {str(canonicalize_name(package.name)): package.version for package in solved.packages}
    target = PipTarget(platform, python.version, virtual, free_threaded="t/" in (solved.site_packages or ""))
    question = PipQuestion(
        requirements,
        task.environ,
        task.cwd,
        offline=task.offline,
        constraints=[without_hashes(line) for line in wish.constraints_for(platform)],
    )
    try:
        return pin_pip_part(question, target, provided, task.root or task.cwd)
    except ConstraintNotMet as error:
        one = next(one for one in wish.constraints if without_hashes(one.spec) == error.line)
        raise BadPipPart(f"{one.place(source)}: {error.message}", error.hint) from None
