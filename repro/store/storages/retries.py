"""How often, and after which pauses, something that failed on the way to a remote is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TRANSIENT = (ConnectionError, TimeoutError)
"""What may pass by itself. A missing file or a refused permission does not."""


class GaveUp(ConnectionError):
    """It was tried as often as it may be, further in; trying all of it again would multiply the attempts."""


PAUSES = (0.2, 0.6, 1.8)
"""Seconds before the second, third and fourth attempt, each times 0.5 to 1.5 so that clients do not march in step."""


def pause(failures: int) -> bool:
    """Wait after the `failures`-th failure in a row; return False where it is time to give up."""
    if failures > len(PAUSES):
        return False
    time.sleep(PAUSES[failures - 1] * random.uniform(0.5, 1.5))
    return True


def with_retries(call: Callable[[], T]) -> T:
    """Return what `call` returns, calling it again after an error that may pass by itself.

    Raises:
        ConnectionError, TimeoutError: it failed as often as it may.
    """
    failures = 0
    while True:
        try:
            return call()
        except GaveUp:
            raise
        except TRANSIENT:
            failures += 1
            if not pause(failures):
                raise
