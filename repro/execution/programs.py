"""What a command's first word is: found as execvp(3) finds it, and looked at before it is started."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from repro.model.dataclass import dataclass

# Programs that trace others themselves: a process has one tracer at most.
TRACERS = frozenset({"strace", "ltrace", "gdb", "lldb", "rr", "perf-trace", "valgrind-ptrace", "reptyr", "uftrace"})


@dataclass(frozen=True, slots=True)
class Program:
    """A program: its absolute path, whether the kernel can start it for sure, and whether it gains privileges."""

    path: str
    is_startable: bool
    is_privileged: bool

    @property
    def name(self) -> str:
        """Its file name."""
        return os.path.basename(self.path)


def look_up(name: str, cwd: str, environ: Mapping[str, str]) -> Program | None:
    """Return the program that `name` starts, None where there is none that may be executed."""
    folders = [""] if "/" in name else environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.join(cwd, folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return Program(os.path.normpath(path), _is_startable(path), is_privileged(path))
    return None


def is_privileged(path: str | bytes) -> bool:
    """Whether a program runs with more rights than its caller: by its mode, or by capabilities of the file."""
    try:
        if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
            return True
        return bool(os.getxattr(path, "security.capability"))
    except OSError:  # no such file, or a file system without attributes
        return False


def _is_startable(path: str) -> bool:
    """Whether it is an ELF program, or a script whose interpreter is there; of anything else only a try can tell."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError:  # it may be executed though not read
        return False
    if head.startswith(b"#!"):
        words = head[2:].split(b"\n", 1)[0].split()
        return bool(words) and os.path.isabs(words[0]) and os.access(words[0], os.X_OK)
    return head.startswith(b"\x7fELF")
