"""Captures an environment of kind `conda`: what conda has written down, and what pip has added to it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.env.conda.edited_packages import edited_packages
from repro.env.conda.pip_files import NoWheel, PipQuestion, PipTarget, find_wheels
from repro.env.conda.pip_memo import WheelMemo
from repro.env.conda.prefix import CondaPrefix, read_prefix
from repro.env.conda.project_files import drift_findings
from repro.env.conda.realise import LOCK_INSIDE
from repro.env.edited_files import Edited
from repro.env.kinds import LockRequest
from repro.env.pip.built_wheels import built_from_source, wheel_as_installed
from repro.env.pip.edited_distributions import edited_distributions
from repro.env.pip.probe import InstalledDistribution, Probe, probe
from repro.env.pip.sorted_installs import Sorted, sort_installed
from repro.errors import ReproError
from repro.model.dataclass import dataclass, replace
from repro.model.environments.conda_lock import CondaLock, LockedFile
from repro.model.environments.conda_lock_file import BadCondaLock, lock_of_one, parse_conda_lock
from repro.model.environments.edited_file import EditedFile
from repro.model.environments.environment import CondaEnvironment, WheelInstall
from repro.model.finding import Finding

_GET_HASHES = "try again where the network and the index are"


@dataclass(frozen=True, slots=True)
class PinnedPrefix:
    """A prefix, pinned, what there is to say about it, its Python as far as it has one, and files that were edited."""

    environment: CondaEnvironment
    findings: tuple[Finding, ...]
    python: Probe | None
    edited: tuple[EditedFile, ...] = ()


def capture_prefix(prefix: str, request: LockRequest) -> PinnedPrefix:
    """Pin what is installed at a prefix; the lock is stored.

    Returns:
        The environment, and findings of the kinds `environment-drift`, `environment-edited`, `environment-unlocked`,
        `environment-local-source` and `unreadable-lock`.

    Raises:
        BrokenPrefix, BrokenInterpreter: it cannot be read.
        NoUv: an index has to be asked and there is no uv.
    """
    found = read_prefix(prefix)
    made_from = _lock_inside(prefix)
    needs = tuple(sorted({*found.needs, *(made_from.needs.get(found.platform, ()) if made_from else ())}))
    python, beside = _python_of(found, request)
    edited = edited_packages(prefix, request.memo_dir) + beside
    pip = _pip_part(found, python, needs, made_from, request) if python else _PipPart(())
    packages = (*found.packages, *pip.wheels)
    site = found.site_packages or (made_from.site_packages.get(found.platform) if made_from else None)
    environment = CondaEnvironment(
        platform=found.platform,
        lock=request.sink.add_bytes(lock_of_one(found.platform, packages, needs, site)),
        packages=_versions(found),
        pip=tuple(sorted((d.name, d.version) for d in python.distributions)) if python else (),
        virtual=by_name(needs),
        python=python.interpreter if python else None,
        project=pip.sorted.project if pip.sorted else (),
        vcs=pip.sorted.vcs if pip.sorted else (),
        wheels=pip.kept,
        unlocked=tuple(sorted({*(name for name, _, _ in found.unlocked), *pip.unlocked})),
    )
    findings = [_unlocked(name, version, why, "install it again") for name, version, why in found.unlocked]
    findings += [
        *pip.findings,
        *edited.findings,
        *drift_findings(packages, found.platform, environment, request),
    ]
    return PinnedPrefix(environment, tuple(findings), python, edited.files)


@dataclass(frozen=True, slots=True)
class _PipPart:
    """What pip or uv added: wheels of an index, the rest sorted by where it came from, and what cannot be pinned.

    `kept` are wheels that become part of the run: files of this machine, and what was built here from source.
    """

    wheels: tuple[LockedFile, ...]
    kept: tuple[WheelInstall, ...] = ()
    sorted: Sorted | None = None
    unlocked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def by_name(needs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return what is asked of the machine by the name of the virtual package, several specs joined by commas."""
    joined: dict[str, list[str]] = {}
    for need in needs:
        name, _, spec = need.partition(" ")
        joined.setdefault(name, []).append(spec.strip() or "*")
    return tuple((name, ",".join(specs)) for name, specs in sorted(joined.items()))


def _versions(found: CondaPrefix) -> tuple[tuple[str, str], ...]:
    versions = [(package.name, f"{package.version} {package.build}") for package in found.packages]
    return tuple(sorted([*versions, *((name, version) for name, version, _ in found.unlocked)]))


def _lock_inside(prefix: str) -> CondaLock | None:
    """Return the lock that repro made the prefix from, None where it did not."""
    try:
        with open(os.path.join(prefix, LOCK_INSIDE), "rb") as file:
            return parse_conda_lock(file.read(), LOCK_INSIDE)
    except (FileNotFoundError, BadCondaLock):
        return None


def _python_of(found: CondaPrefix, request: LockRequest) -> tuple[Probe | None, Edited]:
    """Ask the prefix's Python what is installed beside conda's packages, and what of that was edited."""
    path = os.path.join(found.path, "bin", "python")
    if not os.access(path, os.X_OK):
        return None, Edited()
    seen = probe(path, request.environ, request.cwd)
    own = {os.path.realpath(os.path.join(found.path, info)) for info in found.infos}
    beside = [d for d in seen.distributions if os.path.realpath(d.info) not in own]
    return replace(seen, distributions=tuple(beside)), edited_distributions(beside, found.path, request.memo_dir)


def _pip_part(
    found: CondaPrefix, python: Probe, needs: Sequence[str], made_from: CondaLock | None, request: LockRequest
) -> _PipPart:
    if not python.distributions:
        return _PipPart(())
    by_origin = sort_installed(
        python,
        project_root=request.project_root,
        sink=request.sink,
        memo_dir=request.memo_dir,
        environ=request.environ,
        describe_checkout=request.describe_checkout,
        offline=request.offline,
    )
    version = python.interpreter.version
    memo = WheelMemo(request.memo_dir, request.environ, found.platform, version)
    locked = [p for p in made_from.of(found.platform) if p.manager == "pip" and not p.is_built] if made_from else []
    known = {(p.name, p.version): p for p in locked}
    named = {distribution.name: distribution for distribution in python.distributions}
    wheels: list[LockedFile] = []
    kept = list(by_origin.wheels)
    for archive in by_origin.archives:
        became = (
            None if archive.url is None or archive.url.endswith(".whl") else _built(named[archive.name], found, request)
        )
        if became is not None:
            kept.append(became)
        elif archive.url is not None:
            wheels.append(_of_archive(archive.name, archive.url, archive.hashes[0], found.platform))
    asked: list[InstalledDistribution] = []
    for one in by_origin.from_index:
        wheel = known.get((one.name, one.version)) or memo.read(one.name, one.version)
        if wheel is None:
            asked.append(one)
        else:
            wheels.append(wheel)
    target = PipTarget(found.platform, version, _libc(python), "t-" in python.interpreter.abi)
    unlocked, findings = list(by_origin.unlocked), list(by_origin.findings)
    for one in asked:
        answer = _ask(one, target, request)
        if isinstance(answer, LockedFile):
            memo.write(answer)
            wheels.append(answer)
        elif (became := _built_from_index(one, python, found, request)) is not None:
            kept.append(became)
        else:
            unlocked.append(one.name)
            findings.append(_unlocked(one.name, one.version, answer, _GET_HASHES))
    by_their_names = tuple(sorted(kept, key=lambda wheel: wheel.name))
    return _PipPart(tuple(wheels), by_their_names, by_origin, tuple(unlocked), tuple(findings))


def _built(one: InstalledDistribution, found: CondaPrefix, request: LockRequest) -> WheelInstall | None:
    """Keep what was built from source as what it became: building again would give other bytes."""
    return wheel_as_installed(one, found.path, request.memo_dir, request.sink)


def _built_from_index(
    one: InstalledDistribution, python: Probe, found: CondaPrefix, request: LockRequest
) -> WheelInstall | None:
    sources = built_from_source(
        [one],
        python=python.observations.executable,
        project_root=request.project_root,
        environ=request.environ,
        memo_dir=request.memo_dir,
        offline=request.offline,
    )
    return _built(one, found, request) if one.name in sources else None


def _of_archive(name: str, url: str, sha256: str, platform: str) -> LockedFile:
    from packaging.utils import parse_wheel_filename

    version = str(parse_wheel_filename(url.rpartition("/")[2])[1]) if url.endswith(".whl") else "0"
    return LockedFile(name, version, "pip", platform, url, sha256)


def _ask(one: InstalledDistribution, target: PipTarget, request: LockRequest) -> LockedFile | str:
    """Return the wheel of an installed version, or why it is not known."""
    try:
        asked = (f"{one.name}=={one.version}",)
        found = find_wheels(
            PipQuestion(asked, request.environ, request.project_root, offline=request.offline, dependencies=False),
            target,
        )
    except NoWheel as error:
        return error.message
    except ReproError as error:
        return error.message
    return found[0] if found else "the index does not have this version"


def _libc(python: Probe) -> tuple[str, ...]:
    words = python.observations.libc.split()
    return (f"__glibc={words[1]}=0",) if len(words) == 2 and words[0] == "glibc" else ()


def _unlocked(name: str, version: str, reason: str, hint: str) -> Finding:
    return Finding("environment-unlocked", f"{name} {version} is not pinned: {reason}", hint=hint)
