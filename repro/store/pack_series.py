"""Records written to one pack after the other, in temporary files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from types import TracebackType

from repro.model.digest import Digest
from repro.model.pack import PACK_SIZE
from repro.store.pack_records import Packed
from repro.store.pack_writer import PackWriter, WrittenPack


class PackSeries:
    """As many packs as it takes. An error inside its `with` removes them all."""

    def __init__(self, folder: str) -> None:
        """Take the folder for temporary files."""
        self._folder = folder
        self._writer: PackWriter | None = None
        self._written: list[WrittenPack] = []

    def __enter__(self) -> PackSeries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.abandon()
            remove_written(self._written)

    def add(self, digest: Digest, packed: Packed) -> None:
        """Append a record.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if self._writer is None:
            self._writer = PackWriter(self._folder)
        self._writer.add(digest, packed)
        if self._writer.length >= PACK_SIZE:
            self._close()

    def finish(self) -> list[WrittenPack]:
        """Return the packs, complete; they are the caller's to name or to remove.

        Raises:
            OSError: the disk is full, or refuses.
        """
        self._close()
        return self._written

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._written.append(writer.close())


def remove_written(packs: Iterable[WrittenPack]) -> None:
    """Remove packs that are still in their temporary files."""
    for pack in packs:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pack.path)
