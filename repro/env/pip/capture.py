"""Captures an environment of kind `pip`: what is installed, pinned by content where that is possible.

A capture always succeeds once the interpreter has answered: what cannot be pinned is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from repro.env.kinds import DescribeCheckout
from repro.env.pip.built_wheels import built_from_source, wheel_as_installed
from repro.env.pip.drift import drift_findings
from repro.env.pip.edited_distributions import edited_distributions
from repro.env.pip.find_links import wheels_in_find_links
from repro.env.pip.index_hashes import hashes_of_versions
from repro.env.pip.install_failures import GIVE_CREDENTIALS
from repro.env.pip.interpreter_drift import interpreter_comment, interpreter_findings
from repro.env.pip.lock_file import LockedPackage, lock_text
from repro.env.pip.probe import InstalledDistribution, InterpreterObservations, Probe
from repro.env.pip.project_lock import ProjectLock, UnreadableProjectLock, find_project_lock, read_project_lock
from repro.env.pip.sorted_installs import GET_HASHES, Sorting, Surroundings
from repro.env.pip.wheel_files import keep_wheel
from repro.model.data.objects import ObjectSink
from repro.model.dataclass import dataclass, field
from repro.model.environments.edited_file import EditedFile
from repro.model.environments.environment import PipEnvironment, WheelInstall
from repro.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Pinned:
    """What was installed: pinned, what there is to say about it, and what was only observed.

    `text` is the lock as a file for other programs: it says which interpreter it was made with, and has what was built
    from source as the source.
    """

    environment: PipEnvironment
    findings: tuple[Finding, ...]
    observations: InterpreterObservations
    text: str
    edited: tuple[EditedFile, ...] = ()
    silent: frozenset[str] = frozenset()


def capture(
    probe: Probe,
    *,
    project_root: str,
    sink: ObjectSink,
    memo_dir: str,
    environ: Mapping[str, str],
    project_lock: str | None = None,
    describe_checkout: DescribeCheckout | None = None,
    offline: bool = False,
    refresh: bool = False,
) -> Pinned:
    """Pin what `probe` saw.

    Args:
        probe: of the interpreter in use.
        project_root: an absolute path.
        sink: takes the lock, and the wheel files that exist on this machine only.
        memo_dir: where the index's answers are remembered; made when needed.
        environ: the user's variables; uv's and pip's index settings count.
        project_lock: path of the project's lock relative to its root; looked for where None.
        describe_checkout: tells the remote and commit of a clean git checkout outside the project.
        offline: do not use the network.
        refresh: ask the index again for what it did not have.

    Returns:
        The environment, and findings of the kinds `environment-drift`, `environment-edited`, `environment-unlocked`,
        `environment-local-source` and `unreadable-lock`.

    Raises:
        NoUv: hashes are needed and there is no uv to ask for them.
    """
    surroundings = Surroundings(project_root, sink, memo_dir, environ, describe_checkout, offline, refresh)
    sorting = _Pinning(probe, surroundings)
    lock = sorting.read_project_lock(project_lock)
    for distribution in probe.distributions:
        sorting.sort(distribution, lock)
    sorting.lock_index_packages(lock)
    sorting.keep_what_was_built()
    sorting.findings += interpreter_findings(probe, project_root, find_project_lock(project_root, project_lock))
    edited = edited_distributions(probe.distributions, probe.observations.prefix, memo_dir)
    sorting.findings += edited.findings
    if lock is not None:
        project = [install.name for install in sorting.project]
        sorting.findings += drift_findings(lock, sorting.packages, project)
    silent = frozenset(sorting.silent)
    return Pinned(
        sorting.environment(), tuple(sorting.findings), probe.observations, sorting.text(), edited.files, silent
    )


@dataclass(slots=True)
class _Pinning(Sorting):
    """The distributions of one capture while they are being sorted, and what an index serves being pinned."""

    sources: list[LockedPackage] = field(default_factory=list)

    def read_project_lock(self, configured: str | None) -> ProjectLock | None:
        """Return the project's lock; one that cannot be read is a finding."""
        root = self.around.project_root
        path = find_project_lock(root, configured)
        if path is None:
            return None
        try:
            return read_project_lock(root, path, dict(self.probe.markers))
        except UnreadableProjectLock as error:
            hint = "correct it, or name the right file as environment.lock in repro.yaml"
            self.findings.append(Finding("unreadable-lock", str(error), path=path, hint=hint))
            return None

    def lock_index_packages(self, lock: ProjectLock | None) -> None:
        """Find the hashes: in the project's lock, the memo, the index, at last in a folder of wheels."""
        around = self.around
        asked = []
        for distribution in self.index:
            hashes = lock.hashes_of(distribution.name, distribution.version) if lock is not None else ()
            if hashes:
                self.locked.append(LockedPackage(distribution.name, distribution.version, None, hashes))
            else:
                asked.append(distribution)
        answer = hashes_of_versions(
            asked,
            python=self.probe.observations.executable,
            project_root=around.project_root,
            environ=around.environ,
            memo_dir=around.memo_dir,
            offline=around.offline,
            refresh=around.refresh,
        )
        for distribution in asked:
            if distribution.name in answer.hashes:
                hashes = answer.hashes[distribution.name]
                self.locked.append(LockedPackage(distribution.name, distribution.version, None, hashes))
            else:
                hint = GIVE_CREDENTIALS if answer.refused else GET_HASHES
                reason, silent = answer.missing[distribution.name], distribution.name in answer.silent
                self.keep_from_find_links(distribution, reason, hint, silent)

    def keep_what_was_built(self) -> None:
        """Keep the wheels of what was built here from source, in place of the source's hash."""
        around, python = self.around, self.probe.observations
        locked = {package.name for package in self.locked}
        built = built_from_source(
            [distribution for distribution in self.index if distribution.name in locked],
            python=python.executable,
            project_root=around.project_root,
            environ=around.environ,
            memo_dir=around.memo_dir,
            offline=around.offline,
        )
        for distribution in self.index:
            if distribution.name in built:
                kept = wheel_as_installed(distribution, python.prefix, around.memo_dir, around.sink)
                if kept is not None:
                    self.wheels.append(kept)
                    self.sources += [package for package in self.locked if package.name == distribution.name]
                    self.locked = [package for package in self.locked if package.name != distribution.name]

    def keep_from_find_links(self, distribution: InstalledDistribution, reason: str, hint: str, silent: bool) -> None:
        """Keep the wheel that was installed where a folder of wheels has it."""
        for path in wheels_in_find_links(distribution, self.around.environ):
            kept = keep_wheel(distribution, path, None, self.around.sink)
            if isinstance(kept, WheelInstall):
                self.wheels.append(kept)
                return
        self.refuse(distribution, reason, hint, silent=silent)

    def text(self) -> str:
        """Return the lock as a file."""
        text = lock_text((*self.locked, *self.sources))
        return text.replace("\n", f"\n{interpreter_comment(self.probe.interpreter)}\n", 1)

    def environment(self) -> PipEnvironment:
        """Return the environment, all its lists sorted by name."""
        text = lock_text(tuple(self.locked)) if self.locked else None
        return PipEnvironment(
            python=self.probe.interpreter,
            packages=tuple(sorted(self.packages.items())),
            lock=self.around.sink.add_bytes(text.encode()) if text is not None else None,
            project=tuple(sorted(self.project, key=lambda install: install.name)),
            vcs=tuple(sorted(self.vcs, key=lambda install: install.name)),
            wheels=tuple(sorted(self.wheels, key=lambda install: install.name)),
            unlocked=tuple(sorted(self.unlocked)),
        )
