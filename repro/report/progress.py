"""Progress of what is long: a line on stderr, on a terminal only."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType

from repro.model.progress import SILENT, Progress
from repro.report import terminal
from repro.report.progress_text import Counted, progress_text

_INTERVAL_S = 0.1
_DELAY_S = 0.5  # what is over in a moment shows nothing
_WINDOW_S = 10.0  # the rate is that of the last seconds: what was there already went faster than what has to travel


class ProgressLine:
    """A `Progress` that a person sees, while a `with` block lasts; where nobody would see it, it costs nothing."""

    def __init__(self, label: str) -> None:
        """Show nothing yet. The argument as `Progress.begin`, which the work may call to say more."""
        self._label = label

    def __enter__(self) -> Progress:
        """Start."""
        self._line = _Line(self._label) if terminal.may_draw() else None
        return self._line or SILENT

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._line is not None:
            self._line.end()


class _Line:
    """Counts, and shows what it counted at most ten times a second; safe to be called from several threads."""

    def __init__(self, label: str) -> None:
        self._lock = threading.Lock()
        self._next = time.monotonic() + _DELAY_S
        self._visible = False
        self.begin(label)
        terminal.share_with(self.pause)

    def begin(self, label: str, size: int | None = None, files: int | None = None) -> None:
        with self._lock:
            self._label = label
            self._total = Counted(size, files)
            self._size = self._files = 0
            self._past = deque([(time.monotonic(), 0, 0)])

    def total(self, size: int | None = None, files: int | None = None) -> None:
        with self._lock:
            # What went before was finding out: it says nothing of how fast the work goes.
            self._past = deque([(time.monotonic(), self._size, self._files)])
            known = self._total
            self._total = Counted(known.size if size is None else size, known.files if files is None else files)

    def __call__(self, size: int, /) -> None:
        # Once for every file of a million: nothing here but what must be.
        with self._lock:
            self._size += size
            if time.monotonic() >= self._next:
                self._show()

    def advance(self, size: int, files: int = 0) -> None:
        with self._lock:
            self._size += size
            self._files += files
            if time.monotonic() >= self._next:
                self._show()

    def pause(self) -> None:
        with self._lock:
            self._next = max(self._next, time.monotonic() + _INTERVAL_S)
            if self._visible:
                self._visible = False
                terminal.draw("\r\x1b[K")

    def end(self) -> None:
        terminal.share_with(None)
        self.pause()
        self._next = float("inf")  # a thread that is still at work must not draw it again

    def _show(self) -> None:
        now = time.monotonic()
        speed = self._speed(now)
        columns = terminal.columns()
        if columns is not None:
            self._visible = True
            text = progress_text(self._label, Counted(self._size, self._files), self._total, speed, columns)
            terminal.draw(f"\r{text}\x1b[K")
        # From when it was shown: a terminal that takes its time must not hold up the work.
        self._next = time.monotonic() + _INTERVAL_S

    def _speed(self, now: float) -> tuple[float, float]:
        past = self._past
        past.append((now, self._size, self._files))
        while len(past) > 2 and past[1][0] < now - _WINDOW_S:
            past.popleft()
        then, size, files = past[0]
        seconds = max(now - then, 1e-6)
        return (self._size - size) / seconds, (self._files - files) / seconds
