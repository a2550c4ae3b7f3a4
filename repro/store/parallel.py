"""The same work on many items with a bounded number of threads, ended cleanly by the first failure or by Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from repro.store.freed_memory import give_back_what_is_freed, share_what_is_freed

T = TypeVar("T")
R = TypeVar("R")


class _Stopped(Exception):
    """Raised in a worker whose result nobody waits for any more."""


class Stop:
    """Tells workers that the work is over; they look at it between blocks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """From now on `check` raises."""
        self._event.set()

    def check(self) -> None:
        """End this worker if the work is over."""
        if self._event.is_set():
            raise _Stopped


def run_all(work: Callable[[T, Stop], R], items: Iterable[T], jobs: int) -> list[R]:
    """Return the results of `work(item, stop)`, in the order of `items`.

    Args:
        work: called in up to `jobs` threads; it should call `stop.check()` now and then.
        items: what to work on.
        jobs: threads, at least 1.

    Raises:
        Exception: the first one that `work` raised, once all threads have ended.
        KeyboardInterrupt: likewise.
    """
    stop = Stop()
    todo = list(items)
    if jobs <= 1 or len(todo) <= 1:
        return [work(item, stop) for item in todo]
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    give_back_what_is_freed()
    share_what_is_freed()
    pool = ThreadPoolExecutor(max_workers=min(jobs, len(todo)), thread_name_prefix="repro-transfer")
    try:
        futures = [pool.submit(work, item, stop) for item in todo]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            error = future.exception()
            if error:
                raise error
        return [future.result() for future in futures]
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def run_in_order(work: Callable[[T, Stop], R], items: Iterable[T], jobs: int) -> Generator[R, None, None]:
    """Yield the results of `work(item, stop)` in the order of `items`, of which only a few are taken ahead.

    Arguments and errors as `run_all`; whoever stops taking results ends the work.
    """
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    stop = Stop()
    give_back_what_is_freed()
    if jobs > 1:
        share_what_is_freed()
    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="repro-files")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item, stop))
            if len(waiting) >= 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
