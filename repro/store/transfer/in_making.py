"""Packs that are being filled to be sent: one with small objects, one with what large objects are made of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, raw_of
from repro.model.packs.pack_index_format import DIGEST_BYTES
from repro.store.packs.records import Packed
from repro.store.packs.spots import split_entries
from repro.store.packs.write_behind import PackThread
from repro.store.packs.writer import PackWriter, WrittenPack
from repro.store.remote.reaching import reaching


@dataclass(slots=True, eq=False)
class PackInMaking:
    """A pack, and which objects in it are trees, by the 32 bytes of their digests: those of which all that they need
    was added, those of which that is not known yet, and those that are never to be named."""

    writer: PackWriter
    trees: set[bytes] = field(default_factory=set)
    begun: set[bytes] = field(default_factory=set)
    never: set[bytes] = field(default_factory=set)

    def take_entries(self) -> tuple[bytes, bytes, bytes]:
        """Return what an index may name at once, what when it is known to be complete, and what is; as `decode_spots`
        takes it. The writer no longer has it."""
        entries, self.writer.entries = bytes(self.writer.entries), bytearray()
        trees = self.trees | self.begun | self.never
        if not trees:
            return entries, b"", b""
        rows = split_entries(entries)
        records = b"".join([row for row in rows if row[:DIGEST_BYTES] not in trees])
        begun = b"".join([row for row in rows if row[:DIGEST_BYTES] in self.begun])
        return records, begun, b"".join([row for row in rows if row[:DIGEST_BYTES] in self.trees])


class PacksInMaking:
    """What `begin` gives must be closed or abandoned, but for those that `close` finds here. One thread calls it."""

    def __init__(self, folder: str, workshop_of: str | None) -> None:
        """Take the folder for the files, and the remote whose own folder it is: then that is what refuses."""
        self._folder = folder
        self._workshop_of = workshop_of
        self._thread: PackThread | None = None
        self._open: dict[bool, PackInMaking] = {}

    def add(self, digest: Digest, packed: Packed, *, is_tree: bool, of_large: bool) -> PackInMaking:
        """Append a record to the pack of its kind, and return that.

        Raises:
            RemoteError: the remote's disk is full, or refuses.
            OSError: the same of this machine's.
        """
        with self._making():
            pack = self._open.get(of_large)
            if pack is None:
                pack = self._open[of_large] = self._begin(of_large)
            pack.writer.add(digest, packed)
        if is_tree:
            pack.begun.add(raw_of(digest))
        return pack

    def complete(self) -> Iterator[bytes]:
        """Note that everything was added that the trees in the packs need; yield those of which that was not known."""
        for pack in self._open.values():
            yield from pack.begun
            pack.trees |= pack.begun
            pack.begun.clear()

    def forget_begun(self) -> None:
        """Let no index name the trees of which it is not known that everything that they need was added."""
        for pack in self._open.values():
            pack.never |= pack.begun
            pack.begun.clear()

    def take(self, of_large: bool) -> PackInMaking | None:
        """Return the pack of a kind, if there is one: it is the caller's, and what is left of it is being written.

        Raises: as `add`.
        """
        pack = self._open.get(of_large)
        if pack is not None:
            with self._making():
                pack.writer.end()
            del self._open[of_large]
        return pack

    def finish(self, pack: PackInMaking) -> WrittenPack:
        """Return a pack that was taken when all of it is written; several threads may call it. Errors as `add`."""
        with self._making():
            return pack.writer.close()

    def close(self) -> None:
        """Remove what nobody took, when those that were taken are closed or abandoned."""
        for pack in self._open.values():
            pack.writer.abandon()
        self._open = {}
        if self._thread is not None:
            self._thread.close()

    def _begin(self, of_large: bool) -> PackInMaking:
        if of_large and self._thread is None:
            # Only what is made in its place is not read again to be sent.
            self._thread = PackThread(direct=self._workshop_of is not None)
        return PackInMaking(PackWriter(self._folder, self._thread if of_large else None))

    def _making(self) -> AbstractContextManager[None]:
        if self._workshop_of is None:
            return contextlib.nullcontext()
        return reaching(self._workshop_of, "making a pack", writing=True)
