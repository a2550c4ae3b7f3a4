"""Places that take a file by one request, or take none: what breaks off leaves nothing there."""

from __future__ import annotations

from repro.store.storages.storage import Unfinished


class LeavesNothing:
    """The part of a `Storage` that is about what is left over."""

    def unfinished(self) -> list[Unfinished]:
        """None: a request that breaks off leaves nothing."""
        return []

    def drop(self, unfinished: Unfinished) -> None:
        """There is nothing."""

    def workshop(self) -> None:
        """There is none."""

    def flush(self) -> None:
        """Nothing to do: the answer to an upload says that it is stored."""
