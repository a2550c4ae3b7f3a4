"""The objects on this machine: large ones are read-only files named by their digests, small ones are records of packs.

Layout: `docs/reference/format.md`, section "Cache". Several processes may work at once without locks: a file appears
under its name whole, by a rename, and never changes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.digest import Digest, digest_of, hex_of
from repro.store.cache.cache_format import check_format, mark_format
from repro.store.cache.discard import take_back
from repro.store.cache.freshness import FRESH, Freshness
from repro.store.cache.kept_objects import KeptObjects
from repro.store.cache.loose_objects import LooseObjects
from repro.store.cache.packed_objects import PackedObjects
from repro.store.cache.set_aside import set_aside
from repro.store.files.flushing import flush_file
from repro.store.files.hashing import BLOCK, hash_descriptor
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import sweep, temp_file
from repro.store.object_faults import CorruptObject as CorruptObject
from repro.store.object_faults import MissingObject as MissingObject
from repro.store.object_faults import SizeLie as SizeLie

if TYPE_CHECKING:
    from repro.model.packs.pack_index_format import PackFile
    from repro.store.cache.batch import Batch
    from repro.store.packs.writer import WrittenPack


class Cache(KeptObjects):
    """The objects under one folder. It is an `ObjectSource`, a `TreeSource`, a `BatchingSink` and a `RecallingSink`."""

    def __init__(self, root: str, packing_module: str | None = None) -> None:
        """Take the folder, which need not exist yet, and the module of processes that may help with a batch.

        Raises:
            NewerCache: its format is newer than this repro knows, or not a version at all.
        """
        self.packing_module = packing_module
        self._tmp = os.path.join(root, "tmp")
        self._prepared = self._puts_off = self._is_settled = False
        freshness = Freshness(root)
        super().__init__(root, LooseObjects(root, freshness), PackedObjects(root, freshness, self._store_beside))
        check_format(root)

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Store bytes held in memory.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        ref = ObjectRef(digest_of(data), len(data))
        if not self.knows(ref):
            self.store_alone(data, ref)
        return ref

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        """Store what can be read from the descriptor's position to its end, in one pass, with flat memory.

        `told` hears the bytes of each block.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        first = os.read(descriptor, BLOCK)
        if len(first) < BLOCK:
            second = os.read(descriptor, BLOCK)
            if not second:
                if told:
                    told(len(first))
                return self.add_bytes(first)
            first += second
        return self.store_large(descriptor, first, told)

    @contextlib.contextmanager
    def batch(self) -> Iterator[Batch]:
        """Collect many objects: small ones go into packs. They can be read from here once the `with` has ended well;
        where it ends by an error, some may be here and some not.

        Raises:
            OSError: the disk is full, or refuses.
        """
        from repro.store.cache.batch import Batch

        batch = Batch(self)
        try:
            yield batch
        except BaseException:
            batch.give_up()
            raise
        batch.finish()

    def publish(self, packs: Sequence[WrittenPack]) -> None:
        """Take complete packs from temporary files into the cache; what a tree in them names is in them or here.

        Args:
            packs: verified, on the disk (`flush_file`), in the cache's file system.

        Raises:
            OSError: the disk is full, or refuses.
        """
        from repro.store.packs.publish import merge_many, publish_packs

        self.prepare()
        index = publish_packs(self.root, packs)
        self._has_new_names = True
        if self._recall is not None:
            self._recall.published(hex_of(index), [pack.file for pack in packs])
        for pack in packs:
            self._packed.heal_from(pack)
        merge_many(self.root, self._packed.indexes)

    def receive(self, digest: Digest, size: int | None, fill: Callable[[int], None]) -> ObjectRef:
        """Store an object from elsewhere as a file of its own, which nobody sees before it is verified.

        Args:
            digest: what it must be.
            size: what its length must be in bytes; None where that is not known.
            fill: writes the bytes to the descriptor it is given, and may be called again from the start.

        Raises:
            CorruptObject, SizeLie: what came is something else. Its bytes are set aside under `quarantine/`.
        """
        self.prepare()
        with temp_file(self._tmp) as (temp, path):
            fill(temp)
            os.lseek(temp, 0, os.SEEK_SET)
            found = hash_descriptor(temp)
            if found.digest != digest:
                kept = set_aside(self.root, path, digest[3:])
                raise CorruptObject(f"what came for {digest} is {found.digest} (kept as {kept})")
            if size is not None and found.size != size:
                raise SizeLie(f"the object {digest} has {found.size} bytes where {size} were declared")
            if not self.knows(found):
                self._loose.publish(temp, path, digest)
        return found

    def adopt(self, descriptor: int, path: str, ref: ObjectRef) -> None:
        """Take a file of the cache's file system as an object; whoever made it has compared its bytes with `ref`.

        Args:
            descriptor: the open file.
            path: where it is, and is no more afterwards.
            ref: what it is.

        Raises:
            OSError: the disk refuses.
        """
        self._loose.publish(descriptor, path, ref.digest)

    @contextlib.contextmanager
    def putting_off(self) -> Iterator[None]:
        """Within it, `flush` does not wait for large copies of files that stay where they are: `settle` does."""
        self._puts_off = True
        try:
            yield
        finally:
            self._puts_off = False

    def settle(self) -> None:
        """See to it that what others put off is on the disk, and whole, before relying on it. Errors as `flush`."""
        if not self._is_settled and os.path.isdir(f"{self.root}/unsynced"):
            from repro.store.cache.unsynced import Unsynced

            Unsynced(self.root, self._loose).settle()
        self._is_settled = True

    def flush(self) -> None:
        """Put on disk what was added since the last flush: call it before publishing a record that names it."""
        self._loose.flush()
        if self._has_new_names:
            self._has_new_names = False
            for folder in (f"{self.root}/packs", f"{self.root}/indexes"):
                if os.stat(folder).st_mtime > time.time() - FRESH:  # else the system has written its names by itself
                    flush_file(folder)

    # what a check of the whole needs

    def overlook_indexes(self, names: Iterable[str]) -> None:
        """Take these indexes, which are damaged, for not there."""
        self._packed.indexes.overlook(names)

    def name_records(self, pack: PackFile, entries: Mapping[bytes, bytes]) -> None:
        """Write an index of a pack that is here.

        Args:
            pack: which one.
            entries: `place_bytes` (with pack 0) of each object by the 32 bytes of its digest.

        Raises:
            OSError: the disk is full, or refuses.
        """
        from repro.store.packs.publish import publish_index

        self.prepare()
        publish_index(self.root, [pack], entries)
        self._has_new_names = True

    def set_pack_aside(self, pack: Digest) -> str:
        """Move a pack, of which everything that is good is elsewhere, to `quarantine/`; return where it is now."""
        kept = set_aside(self.root, self._packed.packs.path_of(pack), pack[3:])
        self._packed.packs.forget(pack)
        return kept

    def trust_packs(self) -> None:
        """Forget which objects were found damaged in packs, now that no pack here is, and write one index of all.

        Raises:
            OSError: the disk is full, or refuses.
        """
        from repro.store.packs.publish import merge_many

        self._packed.damaged.forget_all()
        merge_many(self.root, self._packed.indexes, most=0)

    # what a batch needs too

    def store_alone(self, data: bytes, ref: ObjectRef) -> None:
        """Store bytes, which `knows` does not know, as a file of their own.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        self.prepare()
        self._loose.store(data, ref)
        self._note(ref.digest)

    def store_large(self, descriptor: int, first: bytes, told: Told | None = None) -> ObjectRef:
        """Store `first`, which was read from the descriptor, and all that can still be read, as a file of its own.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        from repro.store.cache.copied_objects import store_large
        from repro.store.cache.unsynced import Unsynced

        self.prepare()
        unsynced = Unsynced(self.root, self._loose) if self._puts_off else None
        ref = store_large(self._loose, self.knows, self._tmp, descriptor, first, told, unsynced)
        self._note(ref.digest)
        return ref

    def take_over(self, descriptor: int, digest: Digest) -> None:
        """Take a file of the work tree as an object's own: it was hashed when nobody could write to it any more.

        Raises:
            OSError: no link can be made from where it is.
        """
        self.prepare()
        self._loose.take_over(descriptor, digest)
        self._note(digest)

    def prepare(self) -> None:
        """Make what every writer needs; once per process, before the first write.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if self._prepared:
            return
        make_folder(self._tmp)
        mark_format(self.root, self._tmp)
        sweep(self._tmp)
        take_back(self.root)  # a gc that was killed may have had something in hand that was in use
        self._prepared = True

    def _store_beside(self, data: bytes) -> None:
        """Keep the good bytes of an object that is damaged in one pack, where that is possible."""
        ref = ObjectRef(digest_of(data), len(data))
        with contextlib.suppress(OSError):
            if not self._loose.keep_intact(ref):
                self.store_alone(data, ref)
