"""Records written to one pack after the other, in temporary files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from repro.model.digest import Digest
from repro.model.packs.pack import PACK_RECORDS, PACK_SIZE
from repro.store.packs.records import Packed
from repro.store.packs.writer import PackWriter, WrittenPack


class PackSeries:
    """As many packs as it takes. The end of its `with`, or `close`, removes those that nobody took."""

    def __init__(self, folder: str) -> None:
        """Take the folder for temporary files."""
        self._folder = folder
        self._writer: PackWriter | None = None
        self._complete: list[WrittenPack] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._complete)

    def add(self, digest: Digest, packed: Packed) -> None:
        """Append a record that was not added before.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if self._writer is None:
            self._writer = self._begin()
        self._writer.add(digest, packed)
        if self._writer.length >= PACK_SIZE or self._writer.records >= PACK_RECORDS:
            self._end_pack()

    def take(self) -> list[WrittenPack]:
        """Return all that was written, in complete packs. They are the caller's to name or to remove from then on.

        Raises:
            OSError: as `add`.
        """
        self._end_pack()
        return self.take_complete()

    def take_complete(self) -> list[WrittenPack]:
        """As `take`, without the pack that is not yet full."""
        packs, self._complete = self._complete, []
        return packs

    def close(self) -> None:
        """Remove what nobody took."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()
        remove_written(self._complete)

    def _begin(self) -> PackWriter:
        return PackWriter(self._folder)

    def _end_pack(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._complete.append(writer.close())


def remove_written(packs: Iterable[WrittenPack]) -> None:
    """Remove packs that are still in their temporary files."""
    for pack in packs:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pack.path)
