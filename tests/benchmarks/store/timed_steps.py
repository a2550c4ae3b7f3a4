"""Runs steps as whole processes and says what they cost, as the kernel counts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One process. `tells_seconds`: what it prints is the time that counts, a process's own start left out."""

    arguments: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]
    tells_seconds: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and bytes; `peak` is the largest resident set of any one process, its children included.

    No peak is less than the 10 MB of the interpreter that starts the process (`_LAUNCH`).
    """

    wall: float
    user: float
    system: float
    peak: int


class StepFailed(Exception):
    """A step ended with another exit code than 0."""


def cost_of(steps: Sequence[Step]) -> Cost:
    """Run steps one after the other; times add up, of peaks the largest counts.

    Raises:
        StepFailed: one did not succeed.
    """
    costs = [_cost(step) for step in steps]
    return Cost(
        sum(cost.wall for cost in costs),
        sum(cost.user for cost in costs),
        sum(cost.system for cost in costs),
        max((cost.peak for cost in costs), default=0),
    )


def run(steps: Sequence[Step]) -> None:
    """Run steps that are not measured.

    Raises:
        StepFailed: one did not succeed.
    """
    cost_of(steps)


def _cost(step: Step) -> Cost:
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said, open(reading, "rb") as report:
        command = (sys.executable, "-I", "-S", "-c", _LAUNCH, str(writing), *step.arguments)
        try:
            process = subprocess.Popen(
                command,
                cwd=step.cwd,
                env=step.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                process_group=0,
            )
        finally:
            os.close(writing)
        try:
            process.wait()
        except BaseException:  # we are told to end: nothing may go on writing into what is being removed
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        numbers = report.read().split()
        said.seek(0)
        words = said.read().decode(errors="replace")
    if process.returncode or not numbers:
        raise StepFailed(f"$ {' '.join(step.arguments)}\nexit code {process.returncode}\n{words[-2000:]}")
    wall, user, system, peak = map(float, numbers)
    return Cost(float(words) if step.tells_seconds else wall, user, system, int(peak))


# Linux counts as a process's peak what the one that started it had then: so a small one starts it.
_LAUNCH = """\
import os, sys, time
report, program, *_ = sys.argv[1:]
began = time.perf_counter()
pid = os.posix_spawnp(program, sys.argv[2:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, int(report))])
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - began
os.write(int(report), b"%r %r %r %d" % (wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
