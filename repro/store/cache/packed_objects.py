"""The small objects of the cache: records of packs, found through indexes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from repro.model.digest import Digest, digest_from
from repro.model.packs.pack import HEAD_BYTES, BadPack, RecordKind
from repro.model.packs.pack_index_batches import look_up_in
from repro.model.packs.pack_index_format import PackFile, Place
from repro.store.cache.damaged_records import DamagedRecords
from repro.store.cache.freshness import Freshness
from repro.store.object_faults import CorruptObject
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.open_packs import OpenPacks
from repro.store.packs.records import split_record, unpack_object
from repro.store.packs.writer import WrittenPack


class PackedObjects:
    """Looks up and reads. Several threads may do so at once."""

    def __init__(self, root: str, freshness: Freshness, heal: Callable[[bytes], None]) -> None:
        """Take the cache's folder, and who stores bytes outside of packs whose record in one pack is damaged."""
        self._freshness = freshness
        self.indexes = PackIndexes(f"{root}/indexes")
        self.packs = OpenPacks(f"{root}/packs")
        self.damaged = DamagedRecords(f"{root}/damaged")
        self._heal = heal

    def place(self, digest: Digest) -> Place | None:
        """Return where an object is, None where it is in no pack, or was found damaged there."""
        return None if digest in self.damaged else next(self._places(digest), None)

    def known_place(self, digest: Digest) -> Place | None:
        """As `place`, where a wrong No costs only space: an index that was written just now may be overlooked."""
        return None if digest in self.damaged else self.indexes.find_known(digest, self._is_usable)

    def lacking(self, digests: bytes) -> bytes:
        """Return those of the digests (32 bytes each) that `known_place` finds nowhere, in less time; none where
        any object was found damaged."""
        if self.damaged.are_any():
            return b""
        for index in self.indexes.known().values():
            digests = index.without(digests, lambda pack: self.packs.get(pack) is not None)
        return digests

    def sizes_of(self, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
        """As the lengths of `place`, of many objects in less time; yield those that are in packs.

        Raises:
            BadIndex: an index says what cannot be.
        """
        if self.damaged.are_any():
            wanted = [raw for raw in wanted if digest_from(raw) not in self.damaged]
        indexes = self.indexes.current().values()
        for raw, _, _, place in look_up_in(indexes, wanted, lambda _, place: self._is_usable(place)):
            yield raw, place.size

    def keep(self, place: Place) -> bool:
        """Tell a gc that a pack is used; return whether it is still there."""
        return self.keep_pack(place.pack)

    def keep_pack(self, pack: PackFile) -> bool:
        """As `keep`, of a pack."""
        found = self.packs.get(pack)
        if found is not None and self._freshness.touch(found.path, found.modified):
            return True
        self.packs.forget(pack.digest)
        return False

    def heal_from(self, pack: WrittenPack) -> None:
        """Store what is distrusted and has come in a new pack as files of their own."""
        if not self.damaged.are_any():
            return
        for digest, spot in pack.spots.items() if self.damaged.are_any() else ():
            if digest in self.damaged and spot[3] is not RecordKind.CHUNKS:
                data = self._record(digest, Place(pack.file, *spot))
                if data is not None:
                    self._heal(data)

    def read(self, digest: Digest) -> bytes | None:
        """Return an object's bytes, verified; None where it is in no pack.

        Raises:
            CorruptObject: all its records are damaged. From now on it is in no pack.
        """
        if digest in self.damaged:
            return None
        faults: list[str] = []
        for place in self._places(digest):
            try:
                data = self._record(digest, place)
            except BadPack as error:
                faults.append(f"{self.packs.path_of(place.pack.digest)} at {place.offset}: {error.message}")
                continue
            if data is not None:
                if faults:
                    self._heal(data)
                    self.damaged.mark(digest)
                return data
        if faults:
            self.damaged.mark(digest)
            raise CorruptObject(
                f"the object {digest} is damaged in {'; '.join(faults)}", "get it again with: repro fetch"
            )
        return None

    def _places(self, digest: Digest) -> Iterator[Place]:
        return self.indexes.find(digest, self._is_usable)

    def _is_usable(self, place: Place) -> bool:
        """Whether it is an object as it is, in a pack that is there. A chunk list belongs to a large object, which is
        a file of its own here."""
        return place.kind is not RecordKind.CHUNKS and self.packs.get(place.pack) is not None

    def _record(self, digest: Digest, place: Place) -> bytes | None:
        pack = self.packs.get(place.pack)
        if pack is None:
            return None
        record = os.pread(pack.descriptor, HEAD_BYTES + place.stored, place.offset)
        head, payload = split_record(record, digest)
        return unpack_object(head, payload)
