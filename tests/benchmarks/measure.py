"""Times whole processes: CPU time (user and system, children included) and wall time, in seconds."""

from __future__ import annotations

import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.command_line import Person


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a person calls it; `prepare` puts things back before each time and is not measured."""

    shown: str
    person: Person
    arguments: tuple[str, ...]
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; `least` is the wall time of the turn that the machine disturbed least."""

    cpu: float
    wall: float
    least: float = 0.0


def measure_in_turn(commands: tuple[Command, Command], repeat: int, *, warm_up: bool = True) -> tuple[Times, Times]:
    """Return the medians of two commands.

    They take turns, so that what else the machine does meets both alike. With `warm_up` each is called once before
    it counts.
    """
    samples: tuple[list[Times], list[Times]] = ([], [])
    for turn in range(repeat + warm_up):
        for command, kept in zip(commands, samples, strict=True):
            times = _once(command)
            if turn or not warm_up:
                kept.append(times)
    return _median(samples[0]), _median(samples[1])


def _once(command: Command) -> Times:
    """Call it; the time is that of the process and of every child that it waited for, as the kernel counts it."""
    if command.prepare is not None:
        command.prepare()
    environ = command.person.environ
    cpu, wall = _children(), time.perf_counter()
    done = subprocess.run(
        command.arguments,
        cwd=command.person.cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    times = Times(_children() - cpu, time.perf_counter() - wall)
    if done.returncode:
        raise SystemExit(f"{command.shown}: exit code {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return times


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _median(samples: list[Times]) -> Times:
    return Times(
        statistics.median(t.cpu for t in samples),
        statistics.median(t.wall for t in samples),
        min(t.wall for t in samples),
    )
