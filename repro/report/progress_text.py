"""How far long work has come, as a line of text. Pure: what is shown when is `repro.report.progress`'s."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from repro.model.dataclass import dataclass
from repro.report.terminal import amount

_CONTROL_C = 2
"""Columns that a terminal takes to echo `^C`: they must not begin a second line."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Bytes and files; as a total, None is what is not known."""

    size: int | None = None
    files: int | None = None


def progress_text(label: str, done: Counted, total: Counted, speed: tuple[float, float], columns: int) -> str:
    """Return one line that fits: what matters least is left out first.

    Args:
        label: what is done.
        done: what has been dealt with.
        total: what is to be dealt with.
        speed: bytes and files per second, of late.
        columns: the terminal's width.
    """
    room = columns - 1 - _CONTROL_C
    size = _of(done.size, total.size, amount)
    files = _of(done.files, total.files, "{:,}".format)
    if files:
        files += " file" if files == "1" else " files"
    rate = f"{amount(int(speed[0]))}/s" if size and speed[0] >= 1 else ""
    left = _clock(time_left(done, total, speed))
    for parts in ((size, files, rate, left), (size, rate, left), (size, left), (files, left), (size,), (files,)):
        text = f"{label}: {', '.join(filter(None, parts))}"
        if len(text) <= room and any(parts):
            return text
    return label[: max(room, 0)]


def time_left(done: Counted, total: Counted, speed: tuple[float, float]) -> float | None:
    """Return seconds: of what the bytes and what the files suggest, the longer; None where nothing can be said.

    Small files are slow by number and large ones by size, and work comes in no particular order.
    """
    return max(_estimates(done, total, speed), default=None)


def _estimates(done: Counted, total: Counted, speed: tuple[float, float]) -> Iterator[float]:
    counts = ((done.size, total.size, speed[0]), (done.files, total.files, speed[1]))
    for reached, goal, per_second in counts:
        if reached and goal is not None and reached <= goal and per_second > 0:
            yield (goal - reached) / per_second


def _of(done: int | None, total: int | None, shown: Callable[[int], str]) -> str:
    if not done and not total:
        return ""
    so_far = shown(done or 0)
    # A total that has been passed was a wrong guess.
    return so_far if total is None or (done or 0) > total else f"{so_far} of {shown(total)}"


def _clock(seconds: float | None) -> str:
    if seconds is None or math.isinf(seconds):  # next to nothing per second: nobody can say
        return ""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
