"""What a `conda-lock.yml` says: packages, by platform, and what they were solved for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One package of one platform.

    Attributes:
        manager: `conda` or `pip`.
        platform: `linux-64`.
        url: without anything secret.
        sha256: 64 lower-case hex digits.
        md5: 32 of them, None where the channel does not say.
        build: conda's build string; empty for pip.
        dependencies: name and version spec, sorted by name; without virtual packages.
    """

    name: str
    version: str
    manager: str
    platform: str
    url: str
    sha256: str
    md5: str | None = None
    build: str = ""
    dependencies: tuple[tuple[str, str], ...] = ()

    @property
    def file_name(self) -> str:
        """The last part of the URL."""
        return self.url.rpartition("/")[2]

    @property
    def subdir(self) -> str:
        """The channel's folder that the file is in: its platform, or `noarch`."""
        return self.url.split("/")[-2]

    @property
    def channel(self) -> str:
        """The channel's URL."""
        return self.url.rsplit("/", 2)[0]


@dataclass(frozen=True, slots=True)
class CondaLock:
    """A lock of one or several platforms.

    Attributes:
        platforms: sorted.
        channels: URL (which may name variables in the place of secrets), and the names of those variables.
        virtual: by platform, the virtual packages that it was solved for, `__glibc=2.36=0`.
        needs: by platform, what its packages ask of the machine: match specs of virtual packages, `__glibc >=2.17`.
        site_packages: by platform, where its Python looks for packages, if that is not the usual folder.
        content_hash: by platform, of what was asked for; 64 hex digits.
        sources: the files that it was made from, relative to the lock.
        packages: sorted by manager, name and platform.
        written_by_repro: and not by conda-lock, whose `content_hash` is over other things.
    """

    platforms: tuple[str, ...]
    channels: tuple[tuple[str, tuple[str, ...]], ...]
    packages: tuple[LockedFile, ...]
    virtual: Mapping[str, tuple[str, ...]]
    needs: Mapping[str, tuple[str, ...]]
    content_hash: Mapping[str, str]
    site_packages: Mapping[str, str]
    sources: tuple[str, ...] = ()
    written_by_repro: bool = True

    def of(self, platform: str) -> tuple[LockedFile, ...]:
        """Return the packages of a platform."""
        return tuple(package for package in self.packages if package.platform == platform)
