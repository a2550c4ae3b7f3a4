"""The indexes in a folder: which place they name for an object. New ones are noticed, vanished ones forgotten."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from repro.model.digest import Digest
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex, Place
from repro.model.pattern import pattern
from repro.store.packs.index_files import IndexFiles

_NAME = pattern(r"[0-9a-f]{64}")
_LOOK_AGAIN = 1.0  # seconds
_TICK_NS = 20_000_000  # a folder changed within its file system's clock tick may change again unseen


class PackIndexes:
    """All indexes `<64 hex>` in a folder: a lookup costs a microsecond or two per index."""

    def __init__(self, folder: str) -> None:
        """Take the folder, which need not exist yet; it is listed at the first question."""
        self.folder = folder
        self._files = IndexFiles()
        self._open: Mapping[str, PackIndex] = {}
        self._seen: int | None = None
        self._looked = float("-inf")
        self._overlooked: frozenset[str] = frozenset()

    def overlook(self, names: Iterable[str]) -> None:
        """Take these files for not there, since they are damaged."""
        self._overlooked |= frozenset(names)
        self._open, self._seen = {}, None

    def find(self, digest: Digest, usable: Callable[[Place], bool] = lambda place: True) -> Iterator[Place]:
        """Yield the places of an object; none where no index names one, not even an index that was written just now.

        Args:
            digest: of the object.
            usable: whether a place is what is looked for; one in a pack that has gone is not.

        Raises:
            BadIndex: a file is no index.
        """
        found = False
        for place in self._find(digest):
            if usable(place):
                found = True
                yield place
        if not found and self._refresh():
            yield from filter(usable, self._find(digest))

    def find_known(self, digest: Digest, usable: Callable[[Place], bool]) -> Place | None:
        """As the first of `find`, for a question whose wrong No costs only space: new indexes are looked for once in a
        second, not at every miss.

        Raises:
            BadIndex: a file is no index.
        """
        return next(filter(usable, self._find(digest)), None) if self.known() else None

    def known(self) -> Mapping[str, PackIndex]:
        """As `current`, where that was looked for in the last second."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN:
            self._looked = now
            self._refresh()
        return self._open

    def current(self) -> Mapping[str, PackIndex]:
        """Return all indexes by their names (64 hex digits), as they are now.

        Raises:
            BadIndex: a file is no index.
        """
        self._refresh()
        return self._open

    def _find(self, digest: Digest) -> Iterator[Place]:
        for name, index in self._open.items():
            try:
                place = index.find(digest)
            except BadIndex as error:
                raise _named(error, self.folder, name) from None
            if place is not None:
                yield place

    def _refresh(self) -> bool:
        """Look at the folder again if it has changed; return whether there is anything new."""
        try:
            changed = os.stat(self.folder).st_mtime_ns
        except FileNotFoundError:
            changed = 0
        if changed == self._seen:
            return False
        settled = changed < time.time_ns() - _TICK_NS
        opened, names = dict(self._open), self._names() if changed else []
        # A listing made while indexes are merged can lack the merged one and those that it replaces.
        while opened.keys() != set(names):
            opened = {}
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    opened[name] = self._open.get(name) or self._opened(name)
            again = self._names()
            names = sorted(opened) if again == names else again
        fresh = opened.keys() != self._open.keys()
        self._open, self._seen = opened, changed if settled else None
        return fresh

    def _opened(self, name: str) -> PackIndex:
        with open(os.path.join(self.folder, name), "rb") as file:
            try:
                return self._files.open(file.fileno())
            except BadIndex as error:
                raise _named(error, self.folder, name) from None

    def _names(self) -> list[str]:
        try:
            names = filter(_NAME.fullmatch, os.listdir(self.folder))
            return sorted(name for name in names if name not in self._overlooked)
        except FileNotFoundError:
            return []


def _named(error: BadIndex, folder: str, name: str) -> BadIndex:
    return BadIndex(f"{os.path.join(folder, name)}: {error.message}", "`repro fsck --repair` makes it again")
