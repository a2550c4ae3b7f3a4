"""What every kind of environment answers: lock what is here, check it, plan and realise it there, archive it.

A kind is a module with the functions of `EnvironmentKind`; `repro.env.kind_modules` knows them by name. How two
environments differ is `repro.model.environments.environment_diff`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from repro.env.realised import Realised
from repro.model.data.content import ObjectRef
from repro.model.data.objects import ObjectSink, ObjectSource
from repro.model.dataclass import dataclass
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.edited_file import EditedFile
from repro.model.environments.environment import Environment
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.finding import Finding

DescribeCheckout = Callable[[str], "tuple[str, str] | None"]
"""Given a directory's path: the remote URL and HEAD commit of the clean git checkout it is, or None."""


@dataclass(frozen=True, slots=True)
class LockRequest:
    """What an environment is looked for and pinned with.

    Attributes:
        command: what is to run, as it was given; empty where that is not known.
        cwd, project_root: absolute paths.
        environ: the user's variables.
        settings: what `repro.yaml` says of the environment; its paths count from the project's root.
        python: the interpreter that was named on the command line, an absolute path or a name; None where none was.
        sink: takes the lock, and what stands on this machine only.
        memo_dir: where what was found out is remembered; made when needed.
        describe_checkout: tells the remote and commit of a clean git checkout outside the project.
        envs_dir: where environments are kept on this machine; empty where that does not matter.
        offline: do not use the network.
        refresh: ask again for what an index did not have.
    """

    command: Sequence[str]
    cwd: str
    project_root: str
    environ: Mapping[str, str]
    settings: EnvironmentSettings
    sink: ObjectSink
    memo_dir: str
    python: str | None = None
    describe_checkout: DescribeCheckout | None = None
    envs_dir: str = ""
    offline: bool = False
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """An environment as it was found.

    Attributes:
        environment: pinned; a fact.
        command: as it is recorded: a program of the environment by its base name alone.
        observed: what is shown and never compared. Where the environment is a folder, `prefix` is its path, and
            `base_executable` that of the interpreter that it was made from: what is read there is no input.
        findings: what there is to say: drift from the project's lock, edited files, what could not be pinned.
        text: the lock as a file for other programs; empty where that is the lock itself.
        edited: installed files that are not as they were installed, sorted.
        silent: names of what is unlocked only because an index did not answer, or refused.
    """

    environment: Environment
    command: tuple[str, ...]
    observed: Mapping[str, object]
    findings: tuple[Finding, ...] = ()
    text: str = ""
    edited: tuple[EditedFile, ...] = ()
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """Whether an environment can be realised here.

    Attributes:
        means: with what: the path of a Python, the address of an engine; empty where nothing is needed, or where
            something blocks.
        blocking: why it cannot be realised; empty where it can.
        warnings: what is different here and does not stop it.
    """

    means: str
    blocking: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the blocking ones first."""
        return self.blocking + self.warnings


@dataclass(frozen=True, slots=True)
class RealiseRequest:
    """What an environment is made with.

    Attributes:
        means: of the plan.
        objects: has the objects that the environment itself names.
        archive: its files, as far as they were archived; `bring` gets their objects.
        bring: gets objects into `objects`; raises RemoteError, IntegrityError or MissingOnRemote.
        envs_dir: where environments are kept on this machine; made when needed.
        folder: for files that only this command needs; exists.
        environ: the user's variables: indexes, channels, registries, their caches and credentials.
        checkout_root: where the project's code stands, for installs from inside it; None leaves them out.
        offline: do not use the network.
    """

    means: str
    objects: ObjectSource
    archive: tuple[ArchivedFile, ...]
    bring: Callable[[Sequence[ObjectRef]], object]
    envs_dir: str
    folder: str
    environ: Mapping[str, str]
    checkout_root: str | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class ConfinedCommand:
    """A command of somebody's code, and all that it needs.

    Attributes:
        command: program, as a path, and arguments.
        cwd: where it runs, an absolute path.
        environ: its variables; where it is confined, home and temporary folders take the place of the user's.
        prefix: the virtual environment that it runs in, which it may read, and the interpreter behind that.
        writable: folders that it may write to.
    """

    command: Sequence[str]
    cwd: str
    environ: Mapping[str, str]
    prefix: str
    writable: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunCode:
    """The code of a run in `folder`; `execute` runs a command of it to its end, confined as well as can be done here,
    and returns its exit code."""

    folder: str
    execute: Callable[[ConfinedCommand], int]


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """What an environment's files are collected with.

    Attributes:
        objects: has the objects that the environment itself names.
        sink: takes the files.
        known: objects of files that other environments' archives have, by SHA-256: they need not be fetched.
        means, envs_dir, folder, environ, offline: as of `RealiseRequest`.
        archived: files that an earlier archive of the environment has: what they are need not be asked for again.
        project_root, settings: the user's own project, whose files may say where credentials are; None where there
            is none.
        build: what builds the project's own packages, as requirements.
        code: of the project's own packages; None where there are none.
    """

    objects: ObjectSource
    sink: ObjectSink
    known: Mapping[str, ObjectRef]
    means: str
    envs_dir: str
    folder: str
    environ: Mapping[str, str]
    offline: bool = False
    project_root: str | None = None
    settings: EnvironmentSettings | None = None
    build: tuple[str, ...] = ()
    archived: tuple[ArchivedFile, ...] = ()
    code: RunCode | None = None

    def to_realise(self) -> RealiseRequest:
        """Return what the environment is made with, for what only an installed one has; from the outside world."""
        return RealiseRequest(
            means=self.means,
            objects=self.objects,
            archive=(),
            bring=lambda refs: None,
            envs_dir=self.envs_dir,
            folder=self.folder,
            environ=self.environ,
            offline=self.offline,
        )


@dataclass(frozen=True, slots=True)
class Archived:
    """The files that make an environment without the outside world.

    `findings`, of kind `environment-unarchived`, say what could not be had: the archive is then not complete, and no
    record of it is written. `build` are all requirements of what builds the project's own packages: those of the
    request, and what the build backends asked for.
    """

    files: tuple[ArchivedFile, ...]
    findings: tuple[Finding, ...] = ()
    build: tuple[str, ...] = ()


class EnvironmentKind(Protocol):
    """One kind of environment. A module with these functions is one.

    Each is given environments of its own kind only.
    """

    def lock(self, request: LockRequest) -> Captured:
        """Pin the environment that a command uses here.

        Raises:
            CannotProceed: there is none. What cannot be pinned is a finding, never an error.
        """
        ...

    def check(self, environment: Environment, request: LockRequest) -> tuple[Finding, ...]:
        """Say in what the environment that is in use here is not `environment`, down to edited files."""
        ...

    def plan(
        self, environment: Environment, *, environ: Mapping[str, str], python: str | None = None, archived: bool = False
    ) -> EnvironmentPlan:
        """Say, without changing anything, whether `environment` can be realised here.

        Args:
            environment: what is to be realised.
            environ: the user's variables.
            python: an interpreter that the user insists on, where the kind is made with one.
            archived: whether its files are in the store or on the remote.
        """
        ...

    def realise(self, environment: Environment, request: RealiseRequest) -> Realised:
        """Make the environment, or find it made. Nothing half made is left.

        Raises:
            CannotProceed, IntegrityError, RemoteError: it cannot be made.
        """
        ...

    def archive(self, environment: Environment, request: ArchiveRequest) -> Archived:
        """Store every file that realising it takes from the outside world, each verified by the lock's hash.

        Raises:
            CannotProceed, IntegrityError, RemoteError: a file cannot be had, or is another than the lock's.
        """
        ...
