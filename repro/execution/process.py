"""A command as a process: its terminal, its signals, its exit."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass, replace

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
_SI_KERNEL = 0x80  # siginfo's si_code of a signal that the terminal sent; Linux, include/uapi/asm-generic/siginfo.h


class CommandNotFound(CannotProceed):
    """There is no such command."""

    id = "command-not-found"


class CommandNotExecutable(CannotProceed):
    """The command is there and cannot be executed."""

    id = "command-not-executable"


@dataclass(frozen=True, slots=True)
class Execution:
    """What is executed.

    Attributes:
        command: program and arguments; the program is looked up in `environ`'s PATH.
        cwd: where it runs, an absolute path.
        environ: all of its environment.
        umask: for the command; -1 keeps this process's.
        cpus: processors that it may use; None keeps this process's.
        stdout: a file descriptor for its stdout; None keeps this process's.
    """

    command: Sequence[str]
    cwd: str
    environ: Mapping[str, str]
    umask: int = -1
    cpus: Sequence[int] | None = None
    stdout: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """What a sandbox needs of the start of a command.

    Attributes:
        prepare: runs in the child before the command is executed; signals are still blocked.
        pass_fds: file descriptors that the command inherits.
        recipient: given the process that was started, the process that signals are handed on to: the command
            itself, where what was started only holds it.
        look: shown the process that was started about each second while it runs.
    """

    prepare: Callable[[], None] | None = None
    pass_fds: tuple[int, ...] = ()
    recipient: Callable[[int], int] | None = None
    look: Callable[[int], None] | None = None


_PLAIN = Start()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: `exit_code` as a shell tells it (128 + N for signal N), `duration_s` in seconds.

    `interrupted`: while it ran, somebody asked for the end (Ctrl-C, SIGTERM), whatever the command made of it.
    """

    exit_code: int
    signal: str | None
    duration_s: float
    interrupted: bool = False


def execute(execution: Execution, start: Start = _PLAIN) -> Outcome:
    """Run a command to its end, with this process's stdin, stdout and stderr.

    Ctrl-C reaches the command through the terminal; this process waits for what the command makes of it.
    A signal that another process sends to this one is handed on.

    Args:
        execution: the command, and what it gets.
        start: what a sandbox needs of the start.

    Raises:
        CommandNotFound, CommandNotExecutable: it did not start.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    started = time.monotonic()
    interrupted = False
    try:
        prepare = functools.partial(_prepare, before, execution.cpus, start.prepare)
        process = _start(execution, prepare, start.pass_fds)
        try:
            while process.poll() is None:
                handed_on = _hand_on(process, start.recipient)
                interrupted |= handed_on in _ENDING
                if start.look is not None and handed_on is None:
                    start.look(process.pid)
        except BaseException:
            process.kill()
            process.wait()
            raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return replace(_outcome(process.returncode, time.monotonic() - started), interrupted=interrupted)


def _prepare(mask: Iterable[int], cpus: Sequence[int] | None, further: Callable[[], None] | None) -> None:
    """Runs in the child before the command: gives it back the signals, and its processors."""
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    if further is not None:
        further()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(execution: Execution, prepare: Callable[[], None], pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    command, cwd, environ = execution.command, execution.cwd, execution.environ
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            umask=execution.umask,
            stdout=execution.stdout,
            preexec_fn=prepare,
            pass_fds=pass_fds,
        )
    except OSError as error:
        if not os.path.isdir(cwd):
            raise CannotProceed(f"the directory {cwd} is not there") from None
        name = command[0]
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise _not_found(name, cwd, environ) from None
        raise CommandNotExecutable(
            f"{name!r} cannot be executed: {error.strerror}", "is it a program, and is it executable (chmod +x)?"
        ) from None
    except ValueError as error:
        raise CommandNotExecutable(f"the command cannot be executed: {error}") from None


def _not_found(name: str, cwd: str, environ: Mapping[str, str]) -> CannotProceed:
    there = os.path.join(cwd, name)
    if "/" in name and os.path.exists(there):
        return CommandNotExecutable(f"{name!r} cannot be executed: its interpreter (#!) is not there")
    if os.path.exists(there):
        return CommandNotFound(f"the command {name!r} was not found", f"did you mean ./{name}, or python {name}?")
    return CommandNotFound(f"the command {name!r} was not found", "is it on the PATH?")


def _hand_on(process: subprocess.Popen[bytes], recipient: Callable[[int], int] | None) -> int | None:
    """Wait for a signal and return it; give the command what another process sent to this one."""
    info = signal.sigtimedwait({*_FORWARDED, signal.SIGCHLD}, 1.0)
    if info is None or info.si_signo == signal.SIGCHLD:
        return None
    if info.si_code != _SI_KERNEL and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(recipient(process.pid) if recipient else process.pid, info.si_signo)
    return info.si_signo


def _outcome(returncode: int, duration: float) -> Outcome:
    if returncode >= 0:
        return Outcome(returncode, None, duration)
    try:
        name = signal.Signals(-returncode).name
    except ValueError:  # a real-time signal has no name of its own
        name = f"signal {-returncode}"
    return Outcome(128 - returncode, name, duration)
