"""What threads are doing is counted, so that whoever is told to end at once need not wait for a slow server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

PATIENCE = 0.5
"""Seconds for which is waited for what will soon be done anyway."""


class UnderWay:
    """Work that is begun; several threads call it."""

    def __init__(self) -> None:
        """Nothing is."""
        self._changed = threading.Condition()
        self._count = 0
        self._over = False

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count one piece of work within the block.

        Raises:
            CancelledError: nothing is to begin any more.
        """
        with self._changed:
            if self._over:
                raise CancelledError
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def end(self, seconds: float) -> bool:
        """Let nothing begin any more; return whether all that has begun ends within some seconds."""
        with self._changed:
            self._over = True
            return self._changed.wait_for(lambda: not self._count, seconds)


def done_within(seconds: float, work: Callable[[], None]) -> bool:
    """Do something in a thread, which does not keep the process from ending; return whether it is done in time."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
