"""What need not be stored again: asked for one object, or remembered of many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, hex_of
from repro.store.cache.loose_objects import LooseObjects
from repro.store.cache.packed_objects import PackedObjects
from repro.store.cache.recall import Recall
from repro.store.cache.stored_objects import StoredObjects


class KeptObjects(StoredObjects):
    """Says of objects that they are here, and tells a gc that they are used."""

    def __init__(self, root: str, loose: LooseObjects, packed: PackedObjects) -> None:
        """Take the cache's folder and what is in it."""
        super().__init__(root, loose, packed)
        self._has_new_names = False
        self._recall: Recall | None = None

    def keeps(self, digest: Digest) -> bool:
        """Whether the object is here, and stays here for now: a gc is told that it is used."""
        place = self._packed.known_place(digest)
        if place is not None and self._packed.keep(place):
            self._has_new_names = True  # of another process, perhaps
            return True
        return self._loose.keep(digest)

    def not_packed(self, digests: bytes) -> bytes:
        """Return those digests (32 bytes each) of objects that are neither in a pack nor distrusted; none, where
        that is not known. Where a pack was written just now, it may be overlooked."""
        return self._packed.lacking(digests)

    def knows(self, ref: ObjectRef, *, perhaps_packed: bool = True) -> bool:
        """As `keeps`, for an object that is to stand for bytes: a file that may have been written to is read. One that
        is known to be in no pack need not be looked for there."""
        place = self._packed.known_place(ref.digest) if perhaps_packed else None
        if place is not None and place.size == ref.size and self._packed.keep(place):
            self._has_new_names = True
        elif not self._loose.keep_intact(ref):
            return False
        self._note(ref.digest)
        return True

    def is_distrusted(self, digest: Digest) -> bool:
        """Whether the object's records in packs were found damaged: it is stored as a file of its own then."""
        return digest in self._packed.damaged

    @contextlib.contextmanager
    def recalling(self, witness: bytes) -> Iterator[Recall]:
        """As `RecallingSink`: what is stored within the block is heard of."""
        recall = Recall(self._packed, self.keeps, witness)
        self._recall = recall
        try:
            yield recall
        finally:
            self._recall = None
            self._has_new_names = self._has_new_names or recall.relies_on_packs

    def _note(self, digest: Digest) -> None:
        if self._recall is not None:
            self._recall.note(bytes.fromhex(hex_of(digest)))
