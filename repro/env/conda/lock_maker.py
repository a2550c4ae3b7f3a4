"""Makes a lock from what an `environment.yml` asks for: conda's part solved, pip's part found, for each platform."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro.env.conda.channels import DEFAULT_CHANNELS, Channel, open_channel
from repro.env.conda.platform import virtual_packages
from repro.env.conda.solve import BadMatchSpec, Solved, match_spec, open_gateway, solve
from repro.errors import UsageError
from repro.model.canonical import canonical_digest
from repro.model.environments.conda_environment_yml import CondaWish
from repro.model.environments.conda_lock import CondaLock, LockedFile

_SPEC_NAME = re.compile(r"(?:[^:]*::)?([A-Za-z0-9_.-]+)")
_NO_INDEX = re.compile(r"\s*(?:-|\.{0,2}/|git\+|[a-z]+://)|.*@\s*(?:git\+|file:|\.)", re.IGNORECASE)


class BadPipPart(UsageError):
    """The `pip:` part of an environment.yml asks for what cannot be locked by a hash, or for what conda has already."""

    id = "bad-pip-part"


@dataclass(frozen=True, slots=True)
class LockTask:
    """What a lock is made with.

    Attributes:
        environ: the user's variables.
        cwd: the folder of the environment.yml: uv's configuration is read from here upwards.
        cache_dir: where the channels' indexes are kept.
        offline: ask only what is kept here.
    """

    environ: Mapping[str, str]
    cwd: str
    cache_dir: str
    offline: bool = False


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
    packages = [package for one in solved.values() for package in one.packages]
    for platform in platforms:
        packages += _pip_part(wish, platform, solved[platform], virtual[platform], task)
    return CondaLock(
        platforms=tuple(sorted(platforms)),
        channels=tuple((channel.written, channel.variables) for channel in channels),
        packages=tuple(packages),
        virtual=virtual,
        needs={platform: one.needs for platform, one in solved.items() if one.needs},
        content_hash={platform: wish_digest(wish, channels, platform) for platform in platforms},
        site_packages={platform: one.site_packages for platform, one in solved.items() if one.site_packages},
        sources=tuple(sources),
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
            raise BadMatchSpec(f"{source}, {wish.place_of(one.spec)}: {error.message}", error.hint) from None
    for one in wish.pip:
        try:
            _is_provided(one.spec, {})
        except BadPipPart as error:
            raise BadPipPart(f"{source}, {wish.place_of(one.spec)}: {error.message}", error.hint) from None


def _specs(wish: CondaWish, platform: str) -> list[str]:
    """Return what conda has to find. What pip needs is a Python; that it is there at all is seen to here."""
    specs = list(wish.conda_for(platform))
    names = {found.group(1).lower() for spec in specs if (found := _SPEC_NAME.match(spec))}
    if wish.pip_for(platform) and "python" not in names:
        specs.append("python")
    return specs


def _pip_part(
    wish: CondaWish, platform: str, solved: Solved, virtual: tuple[str, ...], task: LockTask
) -> tuple[LockedFile, ...]:
    requirements = wish.pip_for(platform)
    if not requirements:
        return ()
    python = next(package for package in solved.packages if package.name == "python")
    provided = {normalised(package.name): package.version for package in solved.packages}
    wanted = [text for text in requirements if not _is_provided(text, provided)]
    if not wanted:
        return ()
    from repro.env.conda.pip_files import PipTarget, find_wheels

    target = PipTarget(platform, python.version, virtual, free_threaded="t/" in (solved.site_packages or ""))
    return find_wheels(wanted, target, provided, environ=task.environ, cwd=task.cwd, offline=task.offline)


def _is_provided(text: str, provided: Mapping[str, str]) -> bool:
    """Whether conda has a package already that `pip:` asks for.

    Raises:
        BadPipPart: it has, in a version that will not do; or nothing can be locked by the requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    if _NO_INDEX.match(text):
        raise BadPipPart(
            f"`pip:` has {text!r}, which no hash can pin",
            "build a wheel of it and put that on an index; or leave it out, install it, and let `repro run` record it",
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise BadPipPart(f"`pip:` has {text!r}, which is no requirement: {reason}") from None
    version = provided.get(normalised(requirement.name))
    if version is None:
        return False
    if not requirement.specifier.contains(version, prereleases=True):
        raise BadPipPart(
            f"`pip:` asks for {text}, and conda installs {requirement.name} {version} already",
            "ask conda for the version that is needed",
        )
    return True


def normalised(name: str) -> str:
    """Return a name as pip normalises it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
