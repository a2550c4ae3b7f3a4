"""What a remote lacks of some roots is looked up: many objects at once, as one alone takes several times that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from repro.model.data.content import ObjectRef
from repro.model.data.tree import Entry, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_from, raw_of
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index_batches import BATCH, look_up_in
from repro.model.packs.pack_index_format import Place
from repro.store.cache.cache import Cache, SizeLie
from repro.store.cache.reached import Root, Walk
from repro.store.freed_memory import give_back_what_is_freed
from repro.store.packs.marks import Marks
from repro.store.remote.objects import RemoteObjects
from repro.store.transfer.compared_packs import ComparedPacks
from repro.store.transfer.outgoing import Outgoing

_FIRST_BATCH = 256
"""So many are looked up at first, and then more and more: the first pack is to be sent soon."""


@dataclass(slots=True)
class Wanted:
    """What the remote lacks of some roots, by where it is here."""

    marks: Marks
    alone: dict[Digest, int] = field(default_factory=dict)
    trees: set[Digest] = field(default_factory=set)
    """Those of `alone` that are trees."""
    missing: list[Digest] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0


class LookUp:
    """Looks up what is to be sent. A tree that is there is there with all that is below it, as a rule."""

    def __init__(
        self,
        cache: Cache,
        objects: RemoteObjects,
        outgoing: Outgoing | None,
        compared: ComparedPacks,
        told: Callable[[Wanted], None],
        *,
        implied: bool,
    ) -> None:
        """Look up nothing yet.

        Args:
            cache: where the objects are.
            objects: of the remote.
            outgoing: what is on its way there, where something was sent.
            compared: hears what is wanted of packs here.
            told: called with what is wanted as far as it is known.
            implied: whether what a tree of the remote needs need not be looked for.
        """
        self._cache = cache
        self._objects = objects
        self._outgoing = outgoing
        self._compared = compared
        self._told = told
        self._implied = implied
        self._nothing_there = outgoing is None and not objects.indexes()
        self.wanted = Wanted(Marks(cache.pack_indexes()))

    def roots(self, roots: Iterable[Root]) -> None:
        """Look up all that some roots need.

        Raises:
            BadTree, WrongSize, CorruptObject: a tree is not what it must be.
            SizeLie: an object has another length than is declared.
            RemoteError: the remote cannot be reached, or refuses.
        """
        sizes, most = dict[bytes, int](), _FIRST_BATCH
        for digest, size in Walk(roots, self._open_tree).files():
            raw = raw_of(digest)
            if sizes.get(raw, size) != size:
                self._files(sizes)  # one of the two is a lie
                sizes = {}
            sizes[raw] = size
            if len(sizes) >= most:
                give_back_what_is_freed()
                self._files(sizes)
                sizes, most = {}, min(2 * most, BATCH)
        self._files(sizes)

    def _open_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        there = self._is_sent(digest)
        if there and self._implied:
            return None
        size = self._cache.size(digest)
        if size is None and there:
            return decode_tree(self._objects.read(digest, MAX_TREE_BYTES))
        if size is None:
            self.wanted.missing.append(digest)
            return None
        if not there:
            self._tree(ObjectRef(digest, size))
        return self._cache.read_tree(digest)

    def _is_sent(self, digest: Digest) -> bool:
        if self._outgoing is not None and self._outgoing.is_pending(digest):
            return True
        return self._objects.has(digest)

    def _tree(self, ref: ObjectRef) -> None:
        found = self.wanted.marks.mark(ref.digest, _is_object, is_tree=True)
        if found is None:
            self.wanted.trees.add(ref.digest)
            self._alone(ref)
            return
        place, fresh = found
        self._take(ref, place.size, fresh)
        if fresh:
            self._compared.want(place)

    def _files(self, sizes: dict[bytes, int]) -> None:
        """Take files by digest and declared size; what is left of them afterwards is in no pack here."""
        digests = sorted(sizes)
        if not self._nothing_there:
            digests = self._not_sent(digests, sizes)
        for raw, place, fresh in self.wanted.marks.mark_all(digests, _is_object):
            size = sizes.pop(raw)
            if size != place.size:
                raise _size_lie(ObjectRef(digest_from(raw), size), place.size)
            if fresh:
                self.wanted.objects += 1
                self.wanted.bytes += size
                self._compared.want(place)
        for raw, size in sizes.items():
            self._alone(ObjectRef(digest_from(raw), size))
        self._told(self.wanted)

    def _not_sent(self, digests: list[bytes], sizes: dict[bytes, int]) -> list[bytes]:
        """Return those that are neither on the remote nor on their way; the others leave `sizes`."""
        if self._outgoing is not None:
            for raw in filter(self._outgoing.has_pending, digests):
                del sizes[raw]
        for raw, size in _sizes_there(self._objects, [raw for raw in digests if raw in sizes]):
            if sizes[raw] == size:
                del sizes[raw]
        return [raw for raw in digests if raw in sizes]

    def _alone(self, ref: ObjectRef) -> None:
        here = self._cache.size(ref.digest)
        if here is None:
            self.wanted.missing.append(ref.digest)
            return
        fresh = ref.digest not in self.wanted.alone
        self.wanted.alone[ref.digest] = here
        self._take(ref, here, fresh)

    def _take(self, ref: ObjectRef, size: int, fresh: bool) -> None:
        if size != ref.size:
            raise _size_lie(ref, size)
        self.wanted.objects += fresh
        self.wanted.bytes += size * fresh


def _sizes_there(objects: RemoteObjects, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield those objects that are on the remote, and the length of each; `wanted` as `look_up` takes it."""
    distrusted = {raw_of(digest) for digest in objects.distrusted}

    def is_there(raw: bytes, place: Place) -> bool:
        return raw not in distrusted and objects.is_there(place.pack)

    for raw, _, _, place in look_up_in(objects.indexes(), wanted, is_there):
        yield raw, place.size


def _is_object(place: Place) -> bool:
    return place.kind is not RecordKind.CHUNKS


def _size_lie(ref: ObjectRef, size: int) -> SizeLie:
    return SizeLie(f"the object {ref.digest} is declared with {ref.size} bytes and has {size}")
