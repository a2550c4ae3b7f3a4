"""strace as the means of watching: whether it can be used here, how it is called, and reading along what it writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence

from repro.model.dataclass import dataclass
from repro.model.watching.strace_log import StraceReader
from repro.model.watching.strace_syntax import CALLS
from repro.model.watching.trace import Trace

_STRAGGLERS_S = 1.0
_NAP_S = 0.005
_TRY_S = 20.0
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Strace:
    """A strace that works here: its path and its version, `6.1`."""

    path: str
    version: str

    def watching(self, log: str, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` and writes `log`.

        With `-DDD` the process that is started becomes the command itself, and strace its detached grandchild in a
        session of its own: exit code, signals, job control and the terminal are the command's as if nobody watched,
        and what outlives the command keeps its tracer. (A filter, once set, cannot be taken away: without a tracer
        the watched calls would fail. So the tracer must stay as long as any process of the run does.)
        """
        return traced(self.path, CALLS, log, command, "-q")


_OPTIONS = (
    *("-f", "--seccomp-bpf", "-DDD"),  # the filter, since 5.3: else every system call would stop the process
    *("-y", "-s", "0"),  # descriptors with their paths; strings that are no paths are not needed
    *("-e", "signal=none"),
)


def traced(strace: str, calls: Iterable[str], log: str, command: Sequence[str], *further: str) -> list[str]:
    """Return the command line that runs `command`, of which a detached strace writes `calls` to `log`.

    `further` are options of strace: what of the calls is written.
    """
    kinds = "trace=" + ",".join(f"?{call}" for call in calls)  # ?: an architecture may not have it
    return [strace, *_OPTIONS, *further, "-e", kinds, "-o", log, "--", *command]


def find_strace(environ: Mapping[str, str]) -> Strace | str:
    """Return a strace that can watch a command here, or why there is none."""
    path = shutil.which("strace", path=environ.get("PATH", os.defpath))
    if path is None:
        return "strace is not installed (apt-get install strace, dnf install strace)"
    # Only a try tells whether tracing is allowed: containers, security modules and tracers each have their own no.
    # What is tried on is strace itself, which says its version.
    command = Strace(path, "").watching(os.devnull, [path, "-V"])
    try:
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRY_S)
    except OSError as error:
        return f"{path} cannot be executed: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{path} does not end when it is asked for its version"
    if tried.returncode or tried.stderr:
        said = tried.stderr.decode(errors="replace").strip().splitlines()
        return f"{path} cannot trace here (it must be 5.3 or newer): {said[-1] if said else 'it failed'}"
    found = re.match(rb"strace -- version (\S+)", tried.stdout)
    return Strace(path, found[1].decode()) if found else f"{path} is another program of that name"


def read_log(path: str, cwd: str, preludes: int = 0, wait_s: float = _STRAGGLERS_S) -> tuple[Trace, int]:
    """Read a log whose command has ended, and return its trace and how many of its processes are still there.

    `preludes` is how many programs the first process was before it became the command: they are not the run's.

    Processes that end within `wait_s` seconds are waited for: the last of a pipeline, a helper that cleans up.
    """
    reader = StraceReader(os.fsencode(cwd), preludes)
    deadline = time.monotonic() + wait_s
    rest = b""
    with open(path, "rb") as file:
        while True:
            while data := file.read(_CHUNK):
                *lines, rest = (rest + data).splitlines(keepends=True)
                if rest.endswith(b"\n"):
                    lines, rest = [*lines, rest], b""
                reader.feed(lines)
            left = sum(os.path.exists(b"/proc/" + pid) for pid in reader.alive)
            if not left or time.monotonic() > deadline:
                return reader.finish(), left
            time.sleep(_NAP_S)
