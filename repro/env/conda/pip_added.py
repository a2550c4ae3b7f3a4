"""What pip or uv added to a conda environment that stands, pinned: wheels of an index, and what has no wheel there."""

from __future__ import annotations

from collections.abc import Sequence

from repro.env.conda.pip_files import NoWheel, PipQuestion, PipTarget, find_wheels
from repro.env.conda.pip_memo import WheelMemo
from repro.env.conda.prefix import CondaPrefix
from repro.env.kinds import LockRequest
from repro.env.pip.built_wheels import built_from_source, wheel_as_installed
from repro.env.pip.index_hashes import PATIENCE
from repro.env.pip.install_failures import IndexRefused
from repro.env.pip.probe import InstalledDistribution, Probe
from repro.env.pip.sorted_installs import Sorted, sort_installed
from repro.errors import RemoteError, ReproError
from repro.model.dataclass import dataclass, field, replace
from repro.model.environments.conda_lock import CondaLock, LockedFile
from repro.model.environments.environment import WheelInstall
from repro.model.finding import Finding

_GET_HASHES = "try again where the network and the index are"


@dataclass(frozen=True, slots=True)
class Added:
    """What pip or uv added: wheels of an index, the rest sorted by where it came from, and what cannot be pinned.

    `kept` are wheels that become part of the run: files of this machine, and what was built here from source.
    `silent` is as of `repro.env.kinds.Captured`.
    """

    wheels: tuple[LockedFile, ...]
    kept: tuple[WheelInstall, ...] = ()
    by_origin: Sorted | None = None
    unlocked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    silent: frozenset[str] = frozenset()


def pin_added(found: CondaPrefix, python: Probe, made_from: CondaLock | None, request: LockRequest) -> Added:
    """Pin the distributions that conda has not installed.

    Args:
        found: the environment.
        python: what its Python sees beside conda's packages.
        made_from: the lock that repro made it from: it has wheels already.
        request: of the capture.

    Raises:
        NoUv: an index has to be asked and there is no uv.
    """
    if not python.distributions:
        return Added(())
    by_origin = sort_installed(
        python,
        project_root=request.project_root,
        sink=request.sink,
        memo_dir=request.memo_dir,
        environ=request.environ,
        describe_checkout=request.describe_checkout,
        offline=request.offline,
    )
    pinning = _Pinning(found, python, request, kept=list(by_origin.wheels))
    pinning.pin_archives(by_origin)
    memo = WheelMemo(request.memo_dir, request.environ, found.platform, python.interpreter.version)
    pinning.pin_from_index(by_origin.from_index, _known(made_from, found.platform), memo)
    return Added(
        tuple(pinning.wheels),
        tuple(sorted(pinning.kept, key=lambda wheel: wheel.name)),
        by_origin,
        (*by_origin.unlocked, *pinning.unlocked),
        (*by_origin.findings, *pinning.findings),
        by_origin.silent | pinning.silent,
    )


def unlocked(name: str, version: str, reason: str, hint: str) -> Finding:
    """Return the finding of what cannot be pinned."""
    return Finding("environment-unlocked", f"{name} {version} is not pinned: {reason}", hint=hint)


@dataclass(slots=True)
class _Pinning:
    """What pip added to one environment, while it is being pinned."""

    found: CondaPrefix
    python: Probe
    request: LockRequest
    wheels: list[LockedFile] = field(default_factory=list)
    kept: list[WheelInstall] = field(default_factory=list)
    unlocked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    def pin_archives(self, by_origin: Sorted) -> None:
        """Pin what was installed from a URL; what was built from a source there is kept as what it became."""
        named = {distribution.name: distribution for distribution in self.python.distributions}
        for archive in by_origin.archives:
            if archive.url is None:
                continue
            built = None if archive.url.endswith(".whl") else self._built(named[archive.name])
            if built is not None:
                self.kept.append(built)
            else:
                self.wheels.append(_of_archive(archive.name, archive.url, archive.hashes[0], self.found.platform))

    def pin_from_index(
        self,
        distributions: Sequence[InstalledDistribution],
        known: dict[tuple[str, str], LockedFile],
        memo: WheelMemo,
    ) -> None:
        """Pin what an index serves. One that was silent once is not waited for again: uv's cache is asked then."""
        silence: RemoteError | None = None
        request = replace(self.request, environ={**PATIENCE, **self.request.environ})
        for one in distributions:
            wheel = known.get((one.name, one.version)) or memo.read(one.name, one.version)
            answer = wheel or _ask(one, self._target(), request)
            if isinstance(answer, RemoteError) and not isinstance(answer, IndexRefused):
                silence = answer
                request = replace(request, offline=True)
                answer = _ask(one, self._target(), request)
            if isinstance(answer, LockedFile):
                if wheel is None:
                    memo.write(answer)
                self.wheels.append(answer)
            elif (became := self._built_from_index(one, request)) is not None:
                self.kept.append(became)
            else:
                self._refuse(one, silence or answer)

    def _refuse(self, one: InstalledDistribution, why: ReproError) -> None:
        self.unlocked.append(one.name)
        hint = _GET_HASHES
        if isinstance(why, RemoteError):
            self.silent.add(one.name)
            hint = why.hint or hint
        self.findings.append(unlocked(one.name, one.version, why.message, hint))

    def _target(self) -> PipTarget:
        python = self.python.interpreter
        return PipTarget(self.found.platform, python.version, _libc(self.python), "t-" in python.abi)

    def _built(self, one: InstalledDistribution) -> WheelInstall | None:
        """Keep what was built from source as what it became: building again would give other bytes."""
        return wheel_as_installed(one, self.found.path, self.request.memo_dir, self.request.sink)

    def _built_from_index(self, one: InstalledDistribution, request: LockRequest) -> WheelInstall | None:
        sources = built_from_source(
            [one],
            python=self.python.observations.executable,
            project_root=request.project_root,
            environ=request.environ,
            memo_dir=request.memo_dir,
            offline=request.offline,
        )
        return self._built(one) if one.name in sources else None


def _known(made_from: CondaLock | None, platform: str) -> dict[tuple[str, str], LockedFile]:
    locked = [p for p in made_from.of(platform) if p.manager == "pip" and not p.is_built] if made_from else []
    return {(p.name, p.version): p for p in locked}


def _of_archive(name: str, url: str, sha256: str, platform: str) -> LockedFile:
    from packaging.utils import parse_wheel_filename

    version = str(parse_wheel_filename(url.rpartition("/")[2])[1]) if url.endswith(".whl") else "0"
    return LockedFile(name, version, "pip", platform, url, sha256)


def _ask(one: InstalledDistribution, target: PipTarget, request: LockRequest) -> LockedFile | ReproError:
    """Return the wheel of an installed version, or why it is not known."""
    asked = (f"{one.name}=={one.version}",)
    question = PipQuestion(asked, request.environ, request.project_root, offline=request.offline, dependencies=False)
    try:
        found = find_wheels(question, target)
    except ReproError as error:
        return error
    return found[0] if found else NoWheel("the index does not have this version")


def _libc(python: Probe) -> tuple[str, ...]:
    words = python.observations.libc.split()
    return (f"__glibc={words[1]}=0",) if len(words) == 2 and words[0] == "glibc" else ()
