"""What is wanted of the cache goes into outgoing packs: whole packs as they are, records, large files cut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, hex_of
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, SMALL_LIMIT
from repro.model.packs.pack_index_format import ENTRY_BYTES
from repro.model.progress import Progress
from repro.store.cache.cache import Cache, CorruptObject
from repro.store.packs.marks import Marked, MarkedPack
from repro.store.packs.records import Packed, checked_head, pack_object, unpack_object
from repro.store.packs.spots import bytes_of
from repro.store.parallel import Stop, run_in_order
from repro.store.transfer.compared_packs import ComparedPacks
from repro.store.transfer.large_objects import send_large
from repro.store.transfer.looked_up import Wanted
from repro.store.transfer.outgoing import Outgoing

_STEP = 4 * 1024 * 1024
"""Bytes of a pack of the cache that are read at a time."""


@dataclass(frozen=True, slots=True)
class _PackToSend:
    """What is wanted of a pack here, and whether its file goes as it is: all of it is wanted, and it is intact."""

    marked: MarkedPack
    path: str
    records: bytes
    trees: bytes
    size: int
    is_whole: bool


class Sending:
    """Gives what is wanted to the outgoing packs, and counts it."""

    def __init__(
        self, cache: Cache, outgoing: Outgoing, wanted: Wanted, compared: ComparedPacks, told: Progress
    ) -> None:
        self._cache = cache
        self._outgoing = outgoing
        self._intact = compared
        self._wanted = wanted
        self._told = told
        self.objects = 0
        self.bytes = 0

    def packs(self) -> None:
        """Send what is in packs here: a pack of which everything is wanted goes as it is.

        One is read and compared with its name by another thread, while what is wanted of the next is looked up. Those
        that were sent ahead come first, in their order: indexes name them as they arrive.
        """
        with closing(run_in_order(self._compared, self._packs_in_order(), 1)) as packs:
            for one in packs:
                self._pack(one)

    def _packs_in_order(self) -> list[MarkedPack]:
        order = {digest: number for number, digest in enumerate(self._intact.begun())}
        return sorted(self._wanted.marks.by_pack(), key=lambda one: order.get(one.pack.digest, len(order)))

    def files(self) -> None:
        """Send what are files of their own here: the small ones as records, the large ones cut."""
        for digest, size in self._wanted.alone.items():
            ref = ObjectRef(digest, size)
            is_tree = digest in self._wanted.trees
            if size <= SMALL_LIMIT:
                self._add(digest, pack_object(digest, self._cache.read(ref)), is_tree)
                continue
            with self._cache.open(ref) as file:
                sent = send_large(file, ref, self._outgoing, self._told, is_tree)
            if sent is None:
                self._cache.verify(ref)
                raise CorruptObject(f"the object {digest} changed while it was read")
            self.objects += 1
            self.bytes += sent

    def _compared(self, marked: MarkedPack, stop: Stop) -> _PackToSend:
        pack = marked.pack
        path = f"{self._cache.root}/packs/{hex_of(pack.digest)}"
        records, trees = marked.entries()
        size, stored, _ = bytes_of(records + trees)
        is_whole = len(PACK_HEADER) + stored == pack.length and self._outgoing.may_name(pack)
        return _PackToSend(marked, path, records, trees, size, is_whole and self._intact.is_intact(pack))

    def _pack(self, one: _PackToSend) -> None:
        if one.is_whole:
            self._as_it_is(one)
            return
        try:
            descriptor = os.open(one.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # collected by now: what it had may be somewhere else
            descriptor = -1
        try:
            self._records(descriptor, one.marked.records())
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _as_it_is(self, one: _PackToSend) -> None:
        count, size = (len(one.records) + len(one.trees)) // ENTRY_BYTES, one.size
        told = partial(self._told.advance, size, count)
        self._outgoing.send_pack(one.marked.pack, one.path, one.records, one.trees, told)
        self.objects += count
        self.bytes += size

    def _records(self, descriptor: int, marked: Sequence[Marked]) -> None:
        start, block = 0, b""
        for one in marked:
            length = HEAD_BYTES + one.place.stored
            offset = one.place.offset
            if descriptor >= 0 and not start <= offset <= offset + length <= start + len(block):
                start, block = offset, os.pread(descriptor, max(length, _STEP), offset)
            record = memoryview(block)[offset - start : offset - start + length]
            self._add(one.digest, self._packed(one, record), one.is_tree)

    def _packed(self, one: Marked, record: memoryview) -> Packed:
        """Return the record as it is, once its object's bytes were compared; else of the bytes from elsewhere here."""
        try:
            head = checked_head(bytes(record[:HEAD_BYTES]), one.digest, one.place)
            unpack_object(head, record[HEAD_BYTES:])
            return Packed(bytes(record[:HEAD_BYTES]), record[HEAD_BYTES:], head.kind, head.size)
        except IntegrityError:
            return pack_object(one.digest, self._cache.read(ObjectRef(one.digest, one.place.size)))

    def _add(self, digest: Digest, packed: Packed, is_tree: bool) -> None:
        self._outgoing.add(digest, packed, is_tree=is_tree)
        self.objects += 1
        self.bytes += packed.size
        self._told.advance(packed.size, 1)
