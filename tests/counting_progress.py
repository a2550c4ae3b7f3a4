"""A progress that remembers what it was told."""

from __future__ import annotations

from repro.model.progress import Silent


class CountingProgress(Silent):
    """`told` are the bytes of each call."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.files = 0

    def __call__(self, size: int, /) -> None:
        self.told.append(size)

    def advance(self, size: int, files: int = 0) -> None:
        self.told.append(size)
        self.files += files
