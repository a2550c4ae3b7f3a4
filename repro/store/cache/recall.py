"""What a capture found in the store the last time is not looked for object by object again.

A `Witness` names the packs and the indexes that hold it. While they are there, so is all of it; what lies outside of
packs is asked for one by one, and where some of that has gone, the rest need not be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from repro.model.digest import Digest, digest_from
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.witness import MOST_APART, Witness, decode_witness, encode_witness, with_apart
from repro.store.cache.packed_objects import PackedObjects

_MOST_GONE = 64
"""Of more, it is asked for each object whether it is there."""


class Recall:
    """One capture's knowledge of what need not be stored again, and what is to be remembered of that."""

    def __init__(self, packed: PackedObjects, keeps: Callable[[Digest], bool], witness: bytes) -> None:
        """Look what has gone.

        Args:
            packed: the store's packs.
            keeps: whether an object is in the store; a gc is told that it is used.
            witness: what was remembered; nothing, and nobody vouches for anything.
        """
        self._packed = packed
        self._keeps = keeps
        self._vouching = self._still_good(decode_witness(witness))
        self._gone: list[bytes] = []
        if self._vouching is not None:
            self._gone = [one for one in _each(self._vouching.apart) if not keeps(digest_from(one))]
            if len(self._gone) > _MOST_GONE:
                self._vouching, self._gone = None, []
        self._indexes: set[str] = set()
        self._packs: set[PackFile] = set()
        self._apart = bytearray()

    @property
    def relies_on_packs(self) -> bool:
        """Whether something was found in packs, the names of which another process may not have flushed yet."""
        return bool(self._packs) or bool(self._vouching and self._vouching.packs)

    def has_all(self, digests: bytes) -> bool:
        """Whether all these objects, which were in the store once, are there, and stay for now; 32 bytes each."""
        if self._vouching is not None:
            return not any(gone in digests for gone in self._gone)
        left = digests
        indexes = {} if self._packed.damaged.are_any() else self._packed.indexes.current()
        for name, index in indexes.items():
            count = len(left)
            left = index.without(left, self._is_used)
            if len(left) < count:
                self._indexes.add(name)
        for one in _each(left):
            if not self._keeps(digest_from(one)):
                return False
            self.note(one)
        return True

    def note(self, digest: bytes) -> None:
        """Hear of an object that is in the store, and not in a pack that was published just now."""
        if len(self._apart) <= 32 * MOST_APART:
            self._apart += digest

    def published(self, index: str, packs: Iterable[PackFile]) -> None:
        """Hear of packs, and of the index that names all of their records."""
        self._indexes.add(index)
        self._packs.update(packs)

    def witness(self) -> bytes:
        """Return what is to be remembered of all that was asked for, or heard of, and is there."""
        before = self._vouching or Witness()
        apart = b"".join(one for one in _each(before.apart) if one not in self._gone)
        indexes = self._indexes.union(before.indexes)
        if not indexes <= self._packed.indexes.current().keys():
            return b""  # merged: whether the new one says all that these said is not known
        packs = self._packs.union(before.packs)
        ordered = sorted(packs, key=lambda pack: pack.digest)
        return encode_witness(with_apart(Witness(tuple(sorted(indexes)), tuple(ordered), apart), bytes(self._apart)))

    def _still_good(self, witness: Witness | None) -> Witness | None:
        if witness is None or self._packed.damaged.are_any():
            return None
        has_indexes = self._packed.indexes.current().keys() >= set(witness.indexes)
        return witness if has_indexes and all(map(self._packed.keep_pack, witness.packs)) else None

    def _is_used(self, pack: PackFile) -> bool:
        is_there = self._packed.keep_pack(pack)
        if is_there:
            self._packs.add(pack)
        return is_there


def _each(digests: bytes) -> Iterator[bytes]:
    return (digests[at : at + 32] for at in range(0, len(digests), 32))
