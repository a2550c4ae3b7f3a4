"""What every kind of environment answers: capture what is here, plan and realise it there.

`pip` (`repro.env.pip`) is the one kind so far. A new kind is a sibling module with the same three functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from repro.model.environment import Environment
from repro.model.finding import Finding
from repro.model.objects import ObjectSink

DescribeCheckout = Callable[[str], "tuple[str, str] | None"]
"""Given a directory's path: the remote URL and HEAD commit of the clean git checkout it is, or None."""


@dataclass(frozen=True, slots=True)
class InterpreterObservations:
    """What was seen of the interpreter and is shown, never compared.

    Attributes:
        executable, base_executable, prefix: absolute paths on this machine; `base_executable` is the interpreter
            that a venv was made from.
        build: `sys.version` in one line.
        libc: `glibc 2.36`, or empty where the platform does not say.
        tags: normalised name and the wheel tags of each distribution that has a `WHEEL` file.
    """

    executable: str
    base_executable: str
    prefix: str
    build: str
    libc: str
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Captured:
    """An environment as it was found: facts, what there is to say about it, and what was only observed."""

    environment: Environment
    findings: tuple[Finding, ...]
    observations: InterpreterObservations


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """Whether an environment can be realised here.

    Attributes:
        interpreter: path of the Python to use; None where none was found.
        blocking: why it cannot be realised; empty where it can.
        warnings: what is different here and does not stop it.
    """

    interpreter: str | None
    blocking: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the blocking ones first."""
        return self.blocking + self.warnings


@dataclass(frozen=True, slots=True)
class Realised:
    """An environment that stands on this machine.

    Attributes:
        prefix: absolute path of its root.
        bin_dir: absolute path of the folder that goes first on PATH.
        variables: what the child must have set besides PATH.
        removed: variables that the child must not inherit. PYTHONHOME and PYTHONPATH are among them: this
            machine's would put other code before the environment's. A recorded PYTHONPATH is the recipe's, and
            is set again by whoever starts the command.
    """

    prefix: str
    bin_dir: str
    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def child_environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` as a command inside this environment must see it."""
        child = {name: value for name, value in environ.items() if name not in self.removed}
        child.update(self.variables)
        path = environ.get("PATH", "")
        child["PATH"] = f"{self.bin_dir}:{path}" if path else self.bin_dir
        return child


class EnvironmentKind(Protocol):
    """One kind of environment. A module with these functions is one."""

    def capture(
        self,
        python: str,
        *,
        project_root: str,
        cwd: str,
        environ: Mapping[str, str],
        sink: ObjectSink,
        memo_dir: str,
        project_lock: str | None = None,
        describe_checkout: DescribeCheckout | None = None,
        offline: bool = False,
        refresh: bool = False,
    ) -> Captured:
        """Pin the environment that `python` runs in.

        Raises:
            CannotProceed: the interpreter does not run. What cannot be pinned is a finding, never an error.
        """
        ...

    def plan(
        self, environment: Environment, *, environ: Mapping[str, str], python: str | None = None
    ) -> EnvironmentPlan:
        """Say, without changing anything, whether `environment` can be realised here."""
        ...

    def realise(
        self,
        environment: Environment,
        *,
        lock: bytes | None,
        wheels: Mapping[str, str],
        interpreter: str,
        envs_dir: str,
        environ: Mapping[str, str],
        checkout_root: str | None = None,
        project_env_dir: str | None = None,
        offline: bool = False,
    ) -> Realised:
        """Make the environment, or find it made.

        Raises:
            CannotProceed, IntegrityError, RemoteError: see `repro.env.realise`.
        """
        ...
