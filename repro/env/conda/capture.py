"""Captures an environment of kind `conda`: what conda has written down, and what pip has added to it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.env.conda.edited_packages import edited_packages
from repro.env.conda.pip_added import Added, pin_added, unlocked
from repro.env.conda.prefix import CondaPrefix, read_prefix
from repro.env.conda.project_files import drift_findings
from repro.env.conda.realise import LOCK_INSIDE
from repro.env.edited_files import Edited
from repro.env.kinds import LockRequest
from repro.env.pip.edited_distributions import edited_distributions
from repro.env.pip.probe import Probe, probe
from repro.model.dataclass import dataclass, replace
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.conda_lock_file import BadCondaLock, lock_of_one, parse_conda_lock
from repro.model.environments.edited_file import EditedFile
from repro.model.environments.environment import CondaEnvironment
from repro.model.finding import Finding


@dataclass(frozen=True, slots=True)
class PinnedPrefix:
    """A prefix, pinned, what there is to say about it, its Python as far as it has one, files that were edited.

    `silent` is as of `repro.env.kinds.Captured`.
    """

    environment: CondaEnvironment
    findings: tuple[Finding, ...]
    python: Probe | None
    edited: tuple[EditedFile, ...] = ()
    silent: frozenset[str] = frozenset()


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
    pip = pin_added(found, python, made_from, request) if python else Added(())
    packages = (*found.packages, *pip.wheels)
    site = found.site_packages or (made_from.site_packages.get(found.platform) if made_from else None)
    environment = CondaEnvironment(
        platform=found.platform,
        lock=request.sink.add_bytes(lock_of_one(found.platform, packages, needs, site)),
        packages=_versions(found),
        pip=tuple(sorted((d.name, d.version) for d in python.distributions)) if python else (),
        virtual=by_name(needs),
        python=python.interpreter if python else None,
        project=pip.by_origin.project if pip.by_origin else (),
        vcs=pip.by_origin.vcs if pip.by_origin else (),
        wheels=pip.kept,
        unlocked=tuple(sorted({*(name for name, _, _ in found.unlocked), *pip.unlocked})),
    )
    findings = [unlocked(name, version, why, "install it again") for name, version, why in found.unlocked]
    findings += [
        *pip.findings,
        *edited.findings,
        *drift_findings(packages, found.platform, environment, request),
    ]
    return PinnedPrefix(environment, tuple(findings), python, edited.files, pip.silent)


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
