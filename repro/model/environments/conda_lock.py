"""What a `conda-lock.yml` says: packages, by platform, and what they were solved for."""

from __future__ import annotations

from collections.abc import Mapping

from repro.model.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One package of one platform.

    Attributes:
        manager: `conda` or `pip`.
        platform: `linux-64`.
        url: without anything secret. Of pip: a wheel, the source of one, or a commit (`git+https://…@COMMIT`).
        sha256: 64 lower-case hex digits; of a commit, that.
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
    def is_commit(self) -> bool:
        """Whether it is no file, but what a git repository has at a commit."""
        return self.url.startswith("git+")

    @property
    def is_built(self) -> bool:
        """Whether it is of pip and has to be built: from source, or from a commit."""
        return self.manager == "pip" and not self.url.endswith(".whl")

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
class ProjectFolder:
    """A package that is installed from a folder of the project: it is code, and no lock pins it.

    `path` is the text form of the folder relative to the project's root, `.` for the root itself.
    """

    name: str
    path: str
    editable: bool


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
        project: by platform, what is installed from the project's own folders, sorted by name.
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
    project: Mapping[str, tuple[ProjectFolder, ...]] = field(default_factory=dict)

    def of(self, platform: str) -> tuple[LockedFile, ...]:
        """Return the packages of a platform."""
        return tuple(package for package in self.packages if package.platform == platform)
