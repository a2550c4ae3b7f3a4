"""Noticing a tracer that does not go on: what it traces would wait for it for ever, and nobody would know why."""

from __future__ import annotations

import time
from collections.abc import Callable

_PATIENCE_S = 10.0
_STOPPED = b"T"  # by a signal (proc(5), "state")
_HELD = b"t"  # by its tracer


class TracerGuard:
    """Is shown a traced process about each second, and says one line when its tracer has been stopped or hangs.

    It hangs if the process waits for it, at each look of ten seconds, and it has used no processor in all of them.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._held: tuple[float, int] | None = None  # since when, and how much processor the tracer had used
        self._said = False

    def __call__(self, pid: int) -> None:
        """Look at a process."""
        if self._said:
            return
        try:
            tracer = _tracer_of(pid)
            if tracer and self._waits_in_vain(_stat(pid)[0], *_stat(tracer)):
                self._said = True
                self._say(
                    f"strace (process {tracer}), which watches the command, does not go on, and so the command waits; "
                    f"`kill -CONT {tracer}` lets it go on, if it was stopped"
                )
        except (FileNotFoundError, ProcessLookupError):
            return  # one of them has just ended

    def _waits_in_vain(self, state: bytes, tracers_state: bytes, used: int) -> bool:
        if state != _HELD or self._held is None or self._held[1] != used:
            self._held = (time.monotonic(), used) if state == _HELD else None
        is_held_long = self._held is not None and time.monotonic() - self._held[0] > _PATIENCE_S
        return tracers_state == _STOPPED or is_held_long


def _tracer_of(pid: int) -> int:
    with open(f"/proc/{pid}/status", "rb") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(b"TracerPid:")), 0)


def _stat(pid: int) -> tuple[bytes, int]:
    """Return a process's state, and the ticks of processor that it has used."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])
