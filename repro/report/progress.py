"""Progress of what is long: a line on stderr, on a terminal only."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from repro.report.terminal import amount

_INTERVAL_S = 0.1
_DELAY_S = 0.5  # what is over in a moment shows no bar


class ProgressLine:
    """Counts bytes and shows them with their rate; safe to be called from several threads."""

    def __init__(self, what: str) -> None:
        """Show nothing yet; `what` names the work, `push`."""
        self._what = what
        self._bytes = 0
        self._started = time.monotonic()
        self._shown = self._started + _DELAY_S - _INTERVAL_S
        self._visible = False
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty()

    def __call__(self, count: int) -> None:
        """Add `count` bytes."""
        with self._lock:
            self._bytes += count
            now = time.monotonic()
            if self._terminal and now - self._shown >= _INTERVAL_S:
                self._shown = now
                self._visible = True
                rate = self._bytes / max(now - self._started, 1e-6)
                print(f"\r{self._what}: {amount(self._bytes)}, {amount(int(rate))}/s\x1b[K", end="", file=sys.stderr)

    def __enter__(self) -> ProgressLine:
        """Start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._visible:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
