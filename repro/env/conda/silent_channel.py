"""How long a channel may be silent: py-rattler itself waits for ever.

conda's setting counts, `CONDA_REMOTE_READ_TIMEOUT_SECS`, in seconds (60 if it is not set): the time in which a package
that is being fetched must go on. Of an index nothing is known until it is here, so it may take five times that as a
whole.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping

from repro.env.conda.channels import ChannelUnreachable

_SILENT_S = 60
_INDEX_FACTOR = 5


def silent_s(environ: Mapping[str, str]) -> float:
    """Return how many seconds a package may bring no byte."""
    said = environ.get("CONDA_REMOTE_READ_TIMEOUT_SECS", "")
    try:
        return max(float(said), 1) if said else _SILENT_S
    except ValueError:
        return _SILENT_S


def index_s(environ: Mapping[str, str]) -> int:
    """Return how many seconds a channel's index may take."""
    return int(silent_s(environ) * _INDEX_FACTOR)


class Downloads:
    """What py-rattler tells of downloads: which are under way, and when the last byte of any came.

    It is what `rattler.install` takes as `reporter`; the calls come from py-rattler's own threads.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._last = time.monotonic()

    def on_populate_cache_start(self, operation: int, package_name: str) -> int:
        """Name the package that is coming."""
        return operation

    def on_populate_cache_complete(self, cache_entry: int) -> None:
        """It is here."""
        self._open.discard(cache_entry)

    def on_download_start(self, cache_entry: int) -> int:
        """Note a download."""
        self._last = time.monotonic()
        self._open.add(cache_entry)
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:
        """Note that bytes came."""
        self._last = time.monotonic()

    def on_download_completed(self, download_idx: int) -> None:
        """Note the end of a download."""
        self._last = time.monotonic()
        self._open.discard(download_idx)

    def silence_s(self) -> float:
        """Return for how many seconds downloads are under way and none has brought anything."""
        return time.monotonic() - self._last if self._open else 0


class GrowingFile:
    """A file that something is fetched into."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._size = -1
        self._last = time.monotonic()

    def silence_s(self) -> float:
        """Return for how many seconds it has not grown, as far as this was asked."""
        size = os.path.getsize(self._path) if os.path.exists(self._path) else 0
        if size != self._size:
            self._size, self._last = size, time.monotonic()
        return time.monotonic() - self._last


async def while_bytes_come(
    work: Coroutine[object, object, None], arriving: Downloads | GrowingFile, limit_s: float, doing: str
) -> None:
    """Wait for work that fetches something, and give up where that stands still; `doing` goes after "cannot".

    Raises:
        ChannelUnreachable: nothing came for `limit_s` seconds.
        whatever `work` raises.
    """
    task = asyncio.ensure_future(work)
    while not (await asyncio.wait({task}, timeout=min(limit_s, 1)))[0]:
        if arriving.silence_s() > limit_s:
            task.cancel()
            raise ChannelUnreachable(
                f"cannot {doing}: the channel sent nothing for {limit_s:g} seconds",
                "try again where it answers; CONDA_REMOTE_READ_TIMEOUT_SECS allows for more time",
            )
    task.result()
