"""Installs the conda packages of a lock into a prefix, by py-rattler, from channels or from files that are here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from repro.env.conda.channels import DISK_FULL, Channel, ChannelUnreachable, client_for
from repro.env.conda.silent_channel import Downloads, silent_s, while_bytes_come
from repro.env.pip.install_failures import (
    EnvironmentDiskFull,
    EnvironmentNotMade,
    PackageGone,
    PackageHashMismatch,
)
from repro.env.unobtainable import ELSEWHERE, EnvironmentOffline
from repro.errors import ReproError
from repro.model.dataclass import dataclass, field
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.conda_url import hide_secrets

if TYPE_CHECKING:
    from rattler import RepoDataRecord

MAX_PREFIX = 254
"""Packages have room for a path of 255 bytes where their own prefix stands in a binary."""

GONE = f"the channel has it no more: {ELSEWHERE}"
CHANGED = f"the channel serves another file than it did: ask who runs it, or {ELSEWHERE}"


@dataclass(frozen=True, slots=True)
class CondaSource:
    """Where packages come from.

    Attributes:
        archived: paths of files that are here, by their SHA-256.
        channels: whose credentials are known; any other is asked without.
        cache_dir: where unpacked packages and indexes are kept.
        offline: nothing is fetched.
        environ: the user's variables.
        commits: paths of wheels that an archive has of commits, by the names of the packages.
    """

    archived: Mapping[str, str]
    channels: Sequence[Channel]
    cache_dir: str
    offline: bool
    environ: Mapping[str, str]
    commits: Mapping[str, str] = field(default_factory=dict)

    @property
    def packages_dir(self) -> str:
        """Where unpacked packages are kept."""
        return os.path.join(self.cache_dir, "packages")


def install_packages(
    packages: Sequence[LockedFile], site_packages: str | None, prefix: str, final: str, source: CondaSource
) -> None:
    """Make `prefix` hold exactly these packages, with `final` as the path that they find in their files.

    A file whose SHA-256 is not the lock's is refused as it arrives, and a cached one whose files have changed is
    fetched again.

    Args:
        packages: of one platform; those of pip are left out.
        site_packages: where its Python looks for packages, if the lock says.
        prefix: made; what it holds already is what an earlier call left.
        final: where the environment is going to stand.
        source: where packages come from.

    Raises:
        PackageHashMismatch: integrity (4).
        ChannelUnreachable: the network (5).
        PackageGone, EnvironmentOffline, EnvironmentDiskFull, EnvironmentNotMade: cannot proceed (3).
    """
    wanted = [package for package in packages if package.manager == "conda"]
    os.makedirs(source.packages_dir, exist_ok=True)
    local = {p.file_name: p for p in wanted if p.sha256 in source.archived}
    records = [_record(p, site_packages, source.archived.get(p.sha256), prefix) for p in wanted]
    for package in wanted:
        _verify_local(package, source.archived.get(package.sha256))
    if source.offline:
        _check_offline(wanted, records, source)
    asyncio.run(_install(records, prefix, final, source))
    _name_origin(prefix, local)


def unpacked(packages: Sequence[LockedFile], source: CondaSource) -> Iterator[str]:
    """Yield the folders that conda's packages are in once they are installed, as py-rattler names them."""
    for package in packages:
        if package.manager == "conda":
            yield os.path.join(source.packages_dir, package.file_name.removesuffix(".conda").removesuffix(".tar.bz2"))


def _verify_local(package: LockedFile, path: str | None) -> None:
    """Refuse a file of this machine that is another than the lock's: py-rattler looks at the hash of downloads only."""
    if path is None and package.url.startswith("file://"):
        path = unquote(urlsplit(package.url).path)
    if path is None:
        return
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise PackageGone(
            f"cannot install the locked packages: {path} is not there any more",
            GONE,
        ) from None
    if found != package.sha256:
        raise PackageHashMismatch(
            f"cannot install the locked packages: {path} has the SHA-256 {found}, the lock has {package.sha256}",
            CHANGED,
        )


def _record(package: LockedFile, site_packages: str | None, path: str | None, prefix: str) -> RepoDataRecord:
    from rattler import BuildString, PackageRecord, RepoDataRecord

    record = PackageRecord(
        package.name,
        package.version,
        BuildString(package.build),
        _build_number(package.build),
        package.subdir,
        depends=[f"{name} {spec}".strip() for name, spec in package.dependencies],
        sha256=bytes.fromhex(package.sha256),
        md5=bytes.fromhex(package.md5) if package.md5 else None,
        python_site_packages_path=site_packages if package.name == "python" else None,
    )
    url = package.url if path is None else _as_url(path, package.file_name, prefix)
    return RepoDataRecord(record, package.file_name, url, package.channel)


def _as_url(path: str, file_name: str, prefix: str) -> str:
    """Return a URL of a file that has the name which py-rattler tells its format by."""
    if os.path.basename(path) != file_name:
        folder = f"{prefix}.files"
        os.makedirs(folder, exist_ok=True)
        link = os.path.join(folder, file_name)
        if not os.path.lexists(link):
            os.symlink(path, link)
        path = link
    return Path(path).as_uri()


def _build_number(build: str) -> int:
    tail = build.rpartition("_")[2]
    return int(tail) if tail.isdecimal() and len(tail) < 10 else 0


def _check_offline(packages: Sequence[LockedFile], records: Sequence[RepoDataRecord], source: CondaSource) -> None:
    """Refuse what would have to be fetched, by its name."""
    from rattler.package_cache import PackageCache

    index = asyncio.run(PackageCache.new_layered([source.packages_dir]).index())
    missing = [
        package.file_name
        for package, record in zip(packages, records, strict=True)
        if package.sha256 not in source.archived
        and not package.url.startswith("file:")
        and not index.contains_record(record)
    ]
    if missing:
        raise EnvironmentOffline(
            f"{len(missing)} packages are not on this machine: {', '.join(missing[:5])}",
            "try again without --offline, where the channels can be reached, or archive them: `repro env archive`",
        )


async def _install(records: list[RepoDataRecord], prefix: str, final: str, source: CondaSource) -> None:
    from rattler import install
    from rattler.exceptions import InstallerError, IoError, LinkError, TransactionError
    from rattler.package_cache import PackageCache, ValidationMode

    cache = PackageCache.new_layered([source.packages_dir], validation_mode=ValidationMode.full())
    downloads = Downloads()
    try:
        installing = install(
            records,
            prefix,
            cache_dir=Path(source.packages_dir),
            show_progress=False,
            client=client_for(source.channels, source.environ),
            alternative_target_prefix=final,
            package_cache=cache,
            reporter=downloads,  # type: ignore[arg-type]  # it has what is called for downloads, as the Protocol allows
        )
        await while_bytes_come(installing, downloads, silent_s(source.environ), "install the locked packages")
    except (InstallerError, IoError, LinkError, TransactionError, OSError) as error:
        raise install_failure(error) from None


def install_failure(error: Exception) -> ReproError:
    """Return the error that says why py-rattler failed, told apart by what the user can do about it."""
    said = hide_secrets(str(error)).strip()
    lines = [line.removeprefix("Caused by: ") for line in said.splitlines() if line]
    message = f"cannot install the locked packages: {'; '.join(dict.fromkeys(lines))[:600]}"
    if "hash mismatch" in said:
        return PackageHashMismatch(message, CHANGED)
    if any(sign in said for sign in DISK_FULL):
        return EnvironmentDiskFull(message, "make room on that disk and try again; nothing was left behind")
    if "(404" in said or "(410" in said or "No such file or directory" in said:
        return PackageGone(message, GONE)
    if "(401" in said or "(403" in said:
        return ChannelUnreachable(message, "give credentials: RATTLER_AUTH_FILE says how")
    if "error sending request" in said or "client error" in said or "HTTP status" in said:
        return ChannelUnreachable(message, "try again where the channel can be reached")
    return EnvironmentNotMade(message, "the text is py-rattler's; once the cause is gone, try again")


def _name_origin(prefix: str, local: Mapping[str, LockedFile]) -> None:
    """Say in conda's own records where packages came from, and not where their files happened to lie here."""
    for package in local.values():
        stem = package.file_name.removesuffix(".conda").removesuffix(".tar.bz2")
        path = os.path.join(prefix, "conda-meta", f"{stem}.json")
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        record |= {"url": package.url, "channel": package.channel}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2)
