"""Sorts what is installed by where it came from: an index, an archive, version control, a wheel file, the project."""

from __future__ import annotations

from collections.abc import Mapping

from repro.env.kinds import DescribeCheckout
from repro.env.pip.index_hashes import hashes_of_url
from repro.env.pip.install_failures import GIVE_CREDENTIALS
from repro.env.pip.installed import (
    FromArchive,
    FromIndex,
    FromOutside,
    FromWheelFile,
    Unpinnable,
    origin_of,
    remote_url,
    without_credentials,
)
from repro.env.pip.lock_file import LockedPackage
from repro.env.pip.probe import InstalledDistribution, Probe
from repro.env.pip.project_lock import ProjectLock
from repro.env.pip.uv_process import UvFailure
from repro.env.pip.wheel_files import keep_wheel
from repro.model.data.objects import ObjectSink
from repro.model.dataclass import dataclass, field
from repro.model.environments.distribution_names import check_git_install
from repro.model.environments.environment import ProjectInstall, VcsInstall, WheelInstall
from repro.model.finding import Finding
from repro.model.pattern import pattern

GET_HASHES = "`repro env lock` where the network and the index are"
_BUILD_WHEEL = "commit and push its source and install it by git+https://…, or build a wheel and install that"
_KEEP_WHEEL = "put the wheel back, or install it from an index"
_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Sorted:
    """Installed distributions by where they came from; `from_index` are not pinned yet.

    Attributes:
        from_index: what an index serves.
        archives: at a URL, with its hash.
        project, vcs, wheels: sorted by name.
        unlocked: names of what cannot be pinned, with a finding for each among `findings`.
        silent: those of them of which the only reason is that nobody could be asked.
    """

    from_index: tuple[InstalledDistribution, ...]
    archives: tuple[LockedPackage, ...]
    project: tuple[ProjectInstall, ...]
    vcs: tuple[VcsInstall, ...]
    wheels: tuple[WheelInstall, ...]
    unlocked: tuple[str, ...]
    findings: tuple[Finding, ...]
    silent: frozenset[str]


def sort_installed(
    probe: Probe,
    *,
    project_root: str,
    sink: ObjectSink,
    memo_dir: str,
    environ: Mapping[str, str],
    describe_checkout: DescribeCheckout | None = None,
    offline: bool = False,
) -> Sorted:
    """Sort what `probe` saw by where it came from, as `capture` does, and ask no index.

    Raises:
        NoUv: the hash of a URL is needed and there is no uv to ask for it.
    """
    around = Surroundings(project_root, sink, memo_dir, environ, describe_checkout, offline, refresh=False)
    sorting = Sorting(probe, around)
    for distribution in probe.distributions:
        sorting.sort(distribution, None)
    return Sorted(
        tuple(sorting.index),
        tuple(sorting.locked),
        tuple(sorted(sorting.project, key=lambda install: install.name)),
        tuple(sorted(sorting.vcs, key=lambda install: install.name)),
        tuple(sorted(sorting.wheels, key=lambda install: install.name)),
        tuple(sorted(sorting.unlocked)),
        tuple(sorting.findings),
        frozenset(sorting.silent),
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a capture works with."""

    project_root: str
    sink: ObjectSink
    memo_dir: str
    environ: Mapping[str, str]
    describe_checkout: DescribeCheckout | None
    offline: bool
    refresh: bool


@dataclass(slots=True)
class Sorting:
    """The distributions of one capture while they are being sorted."""

    probe: Probe
    around: Surroundings
    packages: dict[str, str] = field(default_factory=dict)
    index: list[InstalledDistribution] = field(default_factory=list)
    locked: list[LockedPackage] = field(default_factory=list)
    project: list[ProjectInstall] = field(default_factory=list)
    vcs: list[VcsInstall] = field(default_factory=list)
    wheels: list[WheelInstall] = field(default_factory=list)
    unlocked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    def sort(self, distribution: InstalledDistribution, lock: ProjectLock | None) -> None:
        """Put one distribution where it belongs."""
        origin = origin_of(distribution, self.around.project_root)
        if origin is None:
            return
        self.packages[distribution.name] = distribution.version
        match origin:
            case FromIndex():
                self.index.append(distribution)
            case ProjectInstall():
                self.project.append(origin)
            case VcsInstall():
                self.add_vcs(distribution, origin)
            case FromArchive():
                self.lock_archive(origin, lock)
            case FromWheelFile():
                self.keep(distribution, keep_wheel(distribution, origin.path, origin.sha256, self.around.sink))
            case FromOutside():
                self.describe_outside(origin)
            case Unpinnable():
                self.refuse(distribution, origin.reason, origin.hint)

    def add_vcs(self, distribution: InstalledDistribution, install: VcsInstall) -> None:
        """Record a commit; one that only this machine can reach is said to be so."""
        try:
            check_git_install(install.name, install.url, install.commit, install.subdirectory)
        except ValueError as error:
            self.refuse(distribution, f"it was installed by git, and {error}", _BUILD_WHEEL)
            return
        self.vcs.append(install)
        if install.url.startswith(("file:", "/")):
            detail = f"{install.name} {install.version} was installed from {install.url}, which other machines lack"
            self.findings.append(Finding("environment-local-source", detail, hint="push it and install it from there"))

    def lock_archive(self, origin: FromArchive, lock: ProjectLock | None) -> None:
        """Lock an archive by the hash that the installer wrote down, else that the project's lock has, else now."""
        distribution = origin.distribution
        around = self.around
        hashes: tuple[str, ...] = (origin.sha256,) if origin.sha256 is not None else ()
        if not hashes and lock is not None:
            hashes = lock.hashes_of(distribution.name, distribution.version)
        failure = None
        if not hashes:
            hashes, failure = hashes_of_url(
                distribution,
                origin.url,
                python=self.probe.observations.executable,
                project_root=around.project_root,
                environ=around.environ,
                memo_dir=around.memo_dir,
                offline=around.offline,
            )
        if hashes:
            self.locked.append(LockedPackage(distribution.name, None, origin.url, hashes))
        else:
            silent = failure in (UvFailure.UNREACHABLE, UvFailure.REFUSED)
            hint = GIVE_CREDENTIALS if failure is UvFailure.REFUSED else GET_HASHES
            self.refuse(distribution, f"the hash of {origin.url} is not known", hint, silent=silent)

    def describe_outside(self, origin: FromOutside) -> None:
        """Record a folder outside the project by its commit, where it is a clean checkout with a remote."""
        distribution = origin.distribution
        described = self.around.describe_checkout(origin.path) if self.around.describe_checkout else None
        if described is None or not _COMMIT.fullmatch(described[1]):
            what = "an editable install" if origin.editable else "a folder"
            self.refuse(distribution, f"it is {what} outside the project, {origin.path}", _BUILD_WHEEL)
            return
        url = without_credentials(remote_url(described[0]))
        self.add_vcs(distribution, VcsInstall(distribution.name, distribution.version, "git", url, described[1]))

    def keep(self, distribution: InstalledDistribution, kept: WheelInstall | str) -> None:
        """Note a wheel that was kept, or why it was not."""
        if isinstance(kept, WheelInstall):
            self.wheels.append(kept)
        else:
            self.refuse(distribution, kept, _KEEP_WHEEL)

    def refuse(self, distribution: InstalledDistribution, reason: str, hint: str, *, silent: bool = False) -> None:
        """Name a distribution that cannot be pinned; `silent` is whether that is only because nobody answered."""
        if silent:
            self.silent.add(distribution.name)
        self.unlocked.append(distribution.name)
        detail = f"{distribution.name} {distribution.version} is not pinned: {reason}"
        self.findings.append(Finding("environment-unlocked", detail, hint=hint))
