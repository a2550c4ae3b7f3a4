"""Small objects that are files of their own, put into packs: each command stores a few, and they add up."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest
from repro.store.cache.cache import Cache
from repro.store.cache.discard import StoredFile, discard
from repro.store.object_faults import CorruptObject, MissingObject
from repro.store.packs.records import pack_object
from repro.store.packs.stream import PackStream

MANY = 1000
"""How many small files a store may have before it is worth a pack."""


def pack_loose(cache: Cache, files: Sequence[StoredFile]) -> None:
    """Store small objects in packs, and delete their own files. What is damaged stays where it is, for fsck to name.

    Raises:
        OSError: the disk is full, or refuses; the files are still there.
    """
    cache.prepare()
    packed: list[StoredFile] = []
    with PackStream(f"{cache.root}/tmp") as packs:
        for file in files:
            digest = Digest(f"b3:{file.name}")
            if cache.is_distrusted(digest):
                continue  # it is looked for outside of packs
            try:
                data = cache.read(ObjectRef(digest, file.size))
            except (CorruptObject, MissingObject):
                continue
            packs.add(digest, pack_object(digest, data))
            packed.append(file)
        cache.publish(packs.take())
    for file in packed:
        discard(cache.root, file)
