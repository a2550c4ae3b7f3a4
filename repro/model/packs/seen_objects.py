"""A set of objects, most of which pack indexes name: a byte for each that they do, so that a million are a megabyte."""

from __future__ import annotations

from collections.abc import Iterable

from repro.model.digest import Digest
from repro.model.packs.pack_index import PackIndex


class SeenObjects:
    """The objects that were seen."""

    def __init__(self) -> None:
        """None was."""
        self._indexes: list[tuple[PackIndex, bytearray]] = []
        self._others: set[bytes] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def know(self, indexes: Iterable[PackIndex]) -> None:
        """Hear of more indexes; what was seen before stays so."""
        self._indexes += [(index, bytearray(index.count)) for index in indexes]

    def add(self, digest: Digest) -> bool:
        """Note an object; return whether it was not seen before.

        Raises:
            BadIndex: an index says what cannot be.
        """
        raw = bytes.fromhex(digest[3:])
        is_new = raw not in self._others
        for index, marks in self._indexes:
            at = index.position_of(raw)
            if at is not None:
                is_new = is_new and not marks[at]
                marks[at] = 1
                break
        else:
            self._others.add(raw)
        self._count += is_new
        return is_new
