"""Watching a command: by the best means that works here, or the one that was asked for."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence

from repro.errors import CannotProceed
from repro.execution.handed_streams import HandedStreams, streams_can_be_waited_for
from repro.execution.pinning import PINNING_SITE
from repro.execution.portable_strace import PortableStrace, take_along
from repro.execution.process import Execution, Outcome, Start, execute
from repro.execution.programs import TRACERS, Program, look_up
from repro.execution.strace import Strace, find_strace, read_log
from repro.execution.tracer_guard import TracerGuard
from repro.model.dataclass import dataclass, replace
from repro.model.watching.audit_log import read_audit_log
from repro.model.watching.trace import Trace
from repro.model.watching.watch_record import Means

_STRACE_LOG = "strace.log"
_AUDIT_LOG = "audit.log"
_ABOUT = "about.json"
_HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit_hook")
OWN_SITES = (_HOOK, PINNING_SITE)
"""Folders of repro's own that the interpreters of a run read from: they are no inputs."""


class NoWatch(CannotProceed):
    """The means that was asked for cannot be used here."""

    id = "no-watch"


@dataclass(frozen=True, slots=True)
class Watching:
    """How a command is watched. `reason` says why no better means is used; `folder`, where it is written down, is given
    when the run has its id."""

    means: Means
    strace: Strace | None = None
    reason: str | None = None
    folder: str = ""
    portable: PortableStrace | None = None

    @property
    def is_contained(self) -> bool:
        """Whether the command is watched in a container."""
        return self.portable is not None

    def contained(self, command: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
        """Return the command line for a container, and the folders that the container must have at their paths."""
        if self.portable is None:
            return list(command), ()
        return self.portable.watching(os.path.join(self.folder, _STRACE_LOG), command), (self.portable.folder,)

    @property
    def tool(self) -> str | None:
        """The program that watches, and its version."""
        return f"strace {self.strace.version}" if self.strace else None

    def execute(
        self, command: Sequence[str], cwd: str, environ: Mapping[str, str], say: Callable[[str], None]
    ) -> Outcome:
        """Run a command to its end, as `repro.execution.process.execute`; `say` is told of a tracer that hangs."""
        if self.strace is None:
            return execute(Execution(command, cwd, self._environ(environ)))
        log = os.path.join(self.folder, _STRACE_LOG)
        if not streams_can_be_waited_for():
            line = self.strace.watching(log, command)
            return execute(Execution(line, cwd, environ), Start(look=TracerGuard(say)))
        with HandedStreams() as streams:
            line = self.strace.watching(log, streams.command(command))
            return execute(Execution(line, cwd, environ), replace(streams.start, look=TracerGuard(say)))

    def _environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        if self.means is not Means.AUDIT:
            return dict(environ)
        path = environ.get("PYTHONPATH")
        hook = _HOOK + (os.pathsep + path if path else "")
        return {**environ, "PYTHONPATH": hook, "REPRO_WATCH_LOG": os.path.join(self.folder, _AUDIT_LOG)}


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a command. `left` counts its processes that have not ended; `redirected` are the files that
    its stdin, stdout and stderr were, by the number of the stream; `named` are the inputs that the user had named."""

    means: Means
    trace: Trace
    tool: str | None = None
    reason: str | None = None
    left: int = 0
    redirected: Mapping[int, bytes] | None = None
    named: frozenset[bytes] = frozenset()


def choose_watching(
    wish: str, command: Sequence[str], cwd: str, environ: Mapping[str, str], path: str | None = None
) -> Watching:
    """Return how a command is to be watched.

    Args:
        wish: `auto`, `strace`, `audit` or `off`.
        command: its first word is looked for as the command's start will.
        cwd: where it starts.
        environ: has the PATH on which strace is looked for.
        path: the command's own PATH, where that is another.

    Raises:
        NoWatch: the means that was asked for cannot be used.
    """
    if wish == "off":
        return Watching(Means.NONE)
    program = look_up(command[0], cwd, environ if path is None else {"PATH": path})
    if program is None or not program.is_startable:
        # It does not start, or only a try tells: then by the way that says best why not.
        return Watching(Means.AUDIT, reason="whether the command is a program only the kernel can tell")
    found = _strace(program, environ) if wish in ("auto", "strace") else None
    if isinstance(found, Strace):
        return Watching(Means.STRACE, found)
    if wish == "strace":
        raise NoWatch(f"the run cannot be watched by strace: {found}", "`--watch auto` takes the next best means")
    return Watching(Means.AUDIT, reason=found)


def _strace(program: Program, environ: Mapping[str, str]) -> Strace | str:
    if program.name in TRACERS:
        return f"{program.name} traces others itself"
    if program.is_privileged and os.geteuid() != 0:
        return f"{program.name} gains privileges, which a traced program does not"
    return find_strace(environ)


def choose_for_container(wish: str, environ: Mapping[str, str], folder: str) -> Watching:
    """Return how a command in a container is to be watched: by a copy of strace, or not at all.

    Args:
        wish: `auto`, `strace`, `audit` or `off`.
        environ: has the PATH on which strace is looked for.
        folder: where copies of strace are kept.

    Raises:
        NoWatch: the means that was asked for cannot be used.
    """
    if wish == "off":
        return Watching(Means.NONE)
    if wish == "audit":
        raise NoWatch("a container is not watched by the audit hook", "`--watch auto` takes strace where it can be had")
    found = find_strace(environ)
    portable = take_along(found, folder) if isinstance(found, Strace) else found
    if isinstance(portable, PortableStrace) and isinstance(found, Strace):
        return Watching(Means.STRACE, found, portable=portable)
    if wish == "strace":
        raise NoWatch(f"the run cannot be watched by strace: {portable}", "`--watch auto` takes the next best means")
    return Watching(Means.NONE, reason=str(portable))


def has_started(watching: Watching) -> bool:
    """Whether the command that was watched in a container began: where a tracer is refused, nothing has run."""
    try:
        with open(os.path.join(watching.folder, _STRACE_LOG), "rb") as file:
            return any(b" execve(" in line and b") = 0" in line for line in file)
    except FileNotFoundError:
        return False


def begin_watching(watching: Watching, named: Sequence[bytes]) -> None:
    """Make the folder and note what the end must know: the command may outlive this process's plans."""
    shutil.rmtree(watching.folder, ignore_errors=True)
    os.makedirs(watching.folder)
    about = {
        "means": str(watching.means),
        "preludes": 0 if watching.is_contained else int(streams_can_be_waited_for()),
        "contained": watching.is_contained,
        "tool": watching.tool,
        "reason": watching.reason,
        "redirected": {str(number): os.fsdecode(path) for number, path in _redirections().items()},
        "named": [os.fsdecode(path) for path in named],
    }
    with open(os.path.join(watching.folder, _ABOUT), "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(about, file, ensure_ascii=True)


def read_watching(folder: str, cwd: str) -> Watched | None:
    """Return what was seen of a command that ran in `cwd` and has ended; None where it was not watched."""
    try:
        with open(os.path.join(folder, _ABOUT), encoding="utf-8") as file:
            about = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    means = Means(about["means"])
    trace, left = Trace(), 0
    with contextlib.suppress(FileNotFoundError):  # nothing was written: no Python ran, or it was killed at once
        if means is Means.STRACE:
            trace, left = read_log(os.path.join(folder, _STRACE_LOG), cwd, about["preludes"])
            left = 0 if about.get("contained") else left  # a container's processes end with it
        elif means is Means.AUDIT:
            with open(os.path.join(folder, _AUDIT_LOG), "rb") as file:
                trace = read_audit_log(file)
    reason = about["reason"]
    if means is Means.STRACE and not trace.executed:  # not even the command's own start
        means, reason = Means.NONE, "strace wrote nothing down: it was killed, or is another program of that name"
    return Watched(
        means,
        trace,
        about["tool"],
        reason,
        left,
        {int(number): os.fsencode(path) for number, path in about["redirected"].items()},
        frozenset(os.fsencode(path) for path in about["named"]),
    )


def forget_watching(folder: str) -> None:
    """Take away what was written down. A tracer that outlives its command writes on into nothing."""
    shutil.rmtree(folder, ignore_errors=True)


def _redirections() -> dict[int, bytes]:
    """Return the regular files that this process's streams are: the shell opened them, and the command inherits."""
    found = {}
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):  # closed, or no /proc
            if stat.S_ISREG(os.fstat(number).st_mode):
                found[number] = os.readlink(b"/proc/self/fd/%d" % number)
    return found
