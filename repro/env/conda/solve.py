"""Solves what is wanted of conda for one platform, by py-rattler."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.env.conda.channels import Channel, client_for, failure_of
from repro.env.conda.platform import to_rattler
from repro.env.conda.silent_channel import index_s
from repro.errors import CannotProceed, UsageError
from repro.model.dataclass import dataclass
from repro.model.environments.conda_dependencies import dependencies_of, needs_of
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.conda_url import hide_secrets, without_secrets

if TYPE_CHECKING:
    from rattler import Gateway, RepoDataRecord


class BadMatchSpec(UsageError):
    """What is wanted of conda is not written as conda takes it."""

    id = "bad-match-spec"


class Unsolvable(CannotProceed):
    """No set of packages is what is wanted."""

    id = "unsolvable"


class NoPackageHash(CannotProceed):
    """A channel lists a package without its SHA-256."""

    id = "no-package-hash"


@dataclass(frozen=True, slots=True)
class Solved:
    """What was found for one platform.

    Attributes:
        packages: sorted by name.
        needs: what they ask of the machine, `__glibc >=2.17`.
        site_packages: where its Python looks for packages, None where there is no Python or it does not say.
        records: as py-rattler has them.
    """

    packages: tuple[LockedFile, ...]
    needs: tuple[str, ...]
    site_packages: str | None
    records: tuple[RepoDataRecord, ...]


def open_gateway(channels: Sequence[Channel], environ: Mapping[str, str], cache_dir: str, offline: bool) -> Gateway:
    """Return what reads the channels' indexes. One serves several solves, and reads each index once.

    Raises:
        NoRattler: py-rattler is not here.
        OSError: the folder for what is kept cannot be made.
    """
    os.makedirs(cache_dir, exist_ok=True)  # py-rattler takes its failure for the channel's
    client = client_for(channels, environ, index_s(environ))
    from rattler import Gateway, SourceConfig

    config = SourceConfig(cache_action="force-cache-only", sharded_enabled=False) if offline else None
    return Gateway(cache_dir=Path(cache_dir), default_config=config, client=client)


def solve(
    gateway: Gateway, channels: Sequence[Channel], specs: Sequence[str], platform: str, virtual: Sequence[str]
) -> Solved:
    """Return the packages for `specs` on a platform.

    Raises:
        BadMatchSpec: a spec is not one.
        Unsolvable: with the solver's reason.
        NoPackageHash: a channel lists a package without SHA-256.
        ChannelUnreachable, NoSuchChannel: a channel cannot be read.
    """
    records = asyncio.run(_solve(gateway, channels, [match_spec(s) for s in specs], platform, virtual))
    packages = sorted((locked_file(r, platform) for r in records), key=lambda p: p.name)
    python = next((r for r in records if r.name.normalized == "python"), None)
    site = python.python_site_packages_path if python is not None else None
    return Solved(tuple(packages), needs_of(r.depends for r in records), site, tuple(records))


def locked_file(record: RepoDataRecord, platform: str) -> LockedFile:
    """Return a record as a lock has it.

    Raises:
        NoPackageHash: it has no SHA-256.
    """
    if record.sha256 is None:
        raise NoPackageHash(
            f"the channel lists {record.file_name} without a SHA-256, so it could not be told from another file",
            "take it from another channel, or ask who runs this one to index it again",
        )
    return LockedFile(
        name=record.name.normalized,
        version=str(record.version),
        manager="conda",
        platform=platform,
        url=without_secrets(record.url),
        sha256=record.sha256.hex(),
        md5=record.md5.hex() if record.md5 else None,
        build=str(record.build),
        dependencies=dependencies_of(record.depends),
    )


def match_spec(text: str) -> Any:
    """Return what py-rattler takes for a line of an `environment.yml`.

    Raises:
        BadMatchSpec: it is none.
    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        return MatchSpec(text, strict=False)
    except InvalidMatchSpecError as error:
        raise BadMatchSpec(
            f"{text!r} is nothing that conda can look for: {error}", "for example `numpy >=2`, `python=3.12`"
        ) from None


async def _solve(
    gateway: Gateway, channels: Sequence[Channel], specs: Sequence[Any], platform: str, virtual: Sequence[str]
) -> list[RepoDataRecord]:
    from rattler import solve as rattler_solve
    from rattler.exceptions import GatewayError, InvalidChannelError, SolverError

    try:
        return await rattler_solve(
            [channel.url for channel in channels],
            specs,
            gateway=gateway,
            platforms=[platform, "noarch"],  # type: ignore[list-item]  # any platform, not only those that it lists
            virtual_packages=to_rattler(virtual),
        )
    except SolverError as error:
        reason = hide_secrets(str(error)).strip().removeprefix("Cannot solve the request because of: ")
        raise Unsolvable(
            f"no set of packages for {platform} is what is wanted: {reason}",
            "loosen a version, add a channel, or say what the machine has (CONDA_OVERRIDE_CUDA=12.4)",
        ) from None
    except (GatewayError, InvalidChannelError) as error:
        raise failure_of(error, f"read the channels for {platform}") from None
