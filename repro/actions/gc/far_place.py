"""A remote as a place where garbage is marked: what is needed of its packs, and of those that are condemned."""

from __future__ import annotations

from repro.model.data.tree import Entry, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.live_records import LiveRecords
from repro.model.packs.pack import RecordKind
from repro.store.cache.cache import Cache
from repro.store.remote.objects import RemoteObjects


@dataclass(slots=True)
class FarPlace:
    """`solid` are the packs that stay as they are, `dying` those that are condemned.

    While `is_complete`, what is marked must be there; `lacks` says whether anything of it was not.
    """

    cache: Cache
    objects: RemoteObjects
    solid: LiveRecords
    dying: LiveRecords
    is_complete: bool = False
    lacks: bool = False

    @property
    def shown(self) -> str:
        """What the remote is called."""
        return self.objects.shown

    def mark(self, digest: Digest) -> None:
        """Note that an object is needed, and its chunks."""
        place = self.solid.mark(digest) or (None if self.solid.names(digest) else self.dying.mark(digest))
        if place is None:
            self.lacks |= self.is_complete and not (self.solid.names(digest) or self.dying.names(digest))
        elif place.kind is RecordKind.CHUNKS:
            for part in self.objects.chunks(digest):
                for chunk, _ in part:
                    self.mark(chunk)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        """Return the entries of a tree, from here if it is here; None where it is in no pack."""
        if self.cache.has(digest):
            return self.cache.read_tree(digest)
        if not (self.solid.names(digest) or self.dying.names(digest)):
            return None
        return decode_tree(self.objects.read(digest, MAX_TREE_BYTES))

    def loss(self, digest: Digest) -> str | None:
        """What a record names is there before the record is."""
        return "a record there needs it, and it is in no pack there" if self.is_complete else None
