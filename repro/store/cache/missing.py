"""Which of the objects that are needed are not in the cache."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.data.tree import Entry
from repro.model.digest import Digest
from repro.store.cache.cache import Cache
from repro.store.cache.reached import Root, Walk


def missing_here(cache: Cache, roots: Sequence[Root], *, files: bool = True) -> tuple[Digest, ...]:
    """Return the objects that are needed and not in the cache; what a missing tree names is not known.

    `files`: whether more than trees is needed.

    Raises:
        CorruptObject, BadTree, WrongSize: a tree in the cache is not what it must be.
    """
    missing: dict[Digest, None] = {}

    def open_tree(digest: Digest) -> tuple[Entry, ...] | None:
        if cache.has(digest):
            return cache.read_tree(digest)
        missing[digest] = None
        return None

    for ref in Walk(roots, open_tree).files():
        if files and not cache.has(ref.digest):
            missing[ref.digest] = None
    return tuple(missing)
