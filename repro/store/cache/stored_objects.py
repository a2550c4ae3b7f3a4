"""Reading objects of the cache, wherever they lie in it: files of their own, or records of packs."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.data.links import LINK_FROM
from repro.model.data.objects import Told
from repro.model.data.tree import Entry, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES
from repro.model.digest import Digest, digest_from, digest_of
from repro.model.names import name_to_text
from repro.model.packs.pack import SMALL_LIMIT
from repro.model.packs.pack_index import PackIndex
from repro.store.cache.loose_objects import LooseObjects
from repro.store.cache.packed_objects import PackedObjects
from repro.store.files.hashing import BLOCK, copy_and_hash, hash_descriptor, hash_file
from repro.store.files.reflink import reflink
from repro.store.files.temp_files import write_all
from repro.store.object_faults import CorruptObject, MissingObject, SizeLie


class StoredObjects:
    """An `ObjectSource` and a `TreeSource`."""

    def __init__(self, root: str, loose: LooseObjects, packed: PackedObjects) -> None:
        """Take the cache's folder and what is in it."""
        self.root = root
        self._loose = loose
        self._packed = packed

    def path_of(self, digest: Digest) -> str:
        """Return where the object's own file is, or would be: one of at most `SMALL_LIMIT` bytes may have none."""
        return self._loose.path_of(digest)

    def has(self, digest: Digest) -> bool:
        """Whether the object is here (its bytes are verified when they are read)."""
        return self.size(digest) is not None

    def size(self, digest: Digest) -> int | None:
        """Return the object's length in bytes, None where it is not here."""
        place = self._packed.place(digest)
        if place is not None:
            return place.size
        status = self._loose.status(digest)
        return None if status is None else status.st_size

    def sizes_of(self, wanted: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
        """As `size`, of many objects in less time; yield those that are here, in any order.

        Args:
            wanted: the 32 bytes of each digest, sorted, none twice.

        Raises:
            BadIndex: an index says what cannot be.
        """
        packed = dict(self._packed.sizes_of(wanted))
        yield from packed.items()
        for raw in wanted:
            if raw not in packed:
                status = self._loose.status(digest_from(raw))
                if status is not None:
                    yield raw, status.st_size

    def ref_of(self, digest: Digest) -> ObjectRef:
        """Return the reference of an object that is here.

        Raises:
            MissingObject: it is not.
        """
        size = self.size(digest)
        if size is None:
            raise self._missing(digest)
        return ObjectRef(digest, size)

    def pack_indexes(self) -> Sequence[PackIndex]:
        """Return the indexes of the packs, as they are now: each is opened once.

        Raises:
            BadIndex: a file is no index.
        """
        return list(self._packed.indexes.current().values())

    def open(self, ref: ObjectRef) -> BinaryIO:
        """Return a reader of the object's bytes, which are not verified.

        Raises:
            MissingObject: it is not here.
            CorruptObject, SizeLie: it is small, and not what `ref` says.
        """
        data = self._in_packs(ref)
        return os.fdopen(self._open(ref.digest), "rb") if data is None else io.BytesIO(data)

    def read(self, ref: ObjectRef) -> bytes:
        """Return a small object's bytes, verified.

        Raises:
            MissingObject, CorruptObject, SizeLie: it is not here, or not what `ref` says.
        """
        packed = self._in_packs(ref)
        if packed is not None:
            return packed
        descriptor = self._open(ref.digest)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size != ref.size:
                self._loose.check(ref, hash_descriptor(descriptor))
            data = file.read()
            self._loose.check(ref, ObjectRef(digest_of(data), len(data)))
        return data

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """Return the entries of a tree object, verified.

        Raises:
            MissingObject, CorruptObject: it is not here, or not what its digest says.
            BadTree, UnsafePath: it is no tree, or an unsafe one.
        """
        ref = self.ref_of(digest)
        if ref.size > MAX_TREE_BYTES:
            raise IntegrityError(f"the object {digest} has {ref.size} bytes: too long to be a directory's tree")
        return decode_tree(self.read(ref))

    def copy_to(self, ref: ObjectRef, descriptor: int, told: Told | None = None) -> None:
        """Write the object's bytes to an open, empty file, verified as they pass; shared blocks where possible.

        `told` hears the bytes of each block of a large object.

        Raises:
            MissingObject, CorruptObject, SizeLie: as `read`; what was written is then to be thrown away.
        """
        packed = self._in_packs(ref)
        if packed is not None:
            write_all(descriptor, packed)
            return
        source = self._open(ref.digest)
        try:
            if ref.size < BLOCK and os.fstat(source).st_size == ref.size:
                data = os.read(source, BLOCK)
                self._loose.check(ref, ObjectRef(digest_of(data), len(data)))
                if not (ref.size >= LINK_FROM and reflink(source, descriptor)):
                    write_all(descriptor, data)
                return
            shared = reflink(source, descriptor)
            found = hash_descriptor(source, told) if shared else copy_and_hash(source, descriptor, told)
            self._loose.check(ref, found)
        finally:
            os.close(source)

    def matches(self, ref: ObjectRef, descriptor: int) -> bool:
        """Whether what can be read from the descriptor is the object, which need not be here."""
        return hash_descriptor(descriptor) == ref

    def holds(self, descriptor: int) -> bool:
        """Whether what can be read from the descriptor is here as an object."""
        ref = hash_descriptor(descriptor)
        with contextlib.suppress(CorruptObject):
            if self._in_packs(ref) is not None:
                return True
        status, here = os.fstat(descriptor), self._loose.status(ref.digest)
        return here is not None and (os.path.samestat(status, here) or self._loose.is_intact(ref, here))

    def is_own_file(self, ref: ObjectRef, name: bytes, folder: int) -> bool:
        """Whether `name` in an open directory is a hard link to the object's own file."""
        here = self._loose.status(ref.digest)
        return here is not None and os.path.samestat(here, os.stat(name, dir_fd=folder, follow_symlinks=False))

    def is_linked_by(self, target: bytes, ref: ObjectRef) -> bool:
        """Whether a symlink's target is the object's own file, and that is intact and not executable."""
        here = self._loose.status(ref.digest) if target == os.fsencode(self.path_of(ref.digest)) else None
        return here is not None and not here.st_mode & 0o111 and hash_file(os.fsdecode(target)) == ref

    def verify(self, ref: ObjectRef) -> None:
        """Read the whole object and compare.

        Raises:
            MissingObject, CorruptObject, SizeLie: it is not here, or not what `ref` says.
        """
        if self._in_packs(ref) is not None:
            return
        descriptor = self._open(ref.digest)
        try:
            found = hash_descriptor(descriptor)
        finally:
            os.close(descriptor)
        self._loose.check(ref, found)

    def _open(self, digest: Digest) -> int:
        descriptor = self._loose.open(digest)
        if descriptor is None:
            raise self._missing(digest)
        return descriptor

    def _missing(self, digest: Digest) -> MissingObject:
        from repro.store.cache.unsynced import lost_from

        found, file = f"the object {digest} is not in the cache {self.root}", lost_from(self.root, digest)
        if file is None:
            return MissingObject(found, "get it with: repro fetch; what belongs to a run, with: repro fetch RUN")
        return MissingObject(
            f"{found}: it came from {name_to_text(file)}, and did not reach the disk before the machine went down",
            "add that file again if there is a copy of it, or get it with: repro fetch",
        )

    def _in_packs(self, ref: ObjectRef) -> bytes | None:
        """Return the bytes of an object that is a record of a pack, verified; None where it is none.

        Raises:
            CorruptObject, SizeLie: it is damaged in all packs and no file of its own, or not of that size.
        """
        if ref.size > SMALL_LIMIT and self._loose.status(ref.digest) is not None:
            return None
        try:
            data = self._packed.read(ref.digest)
        except CorruptObject:
            if self._loose.status(ref.digest) is None:
                raise
            return None
        if data is not None and len(data) != ref.size:
            raise SizeLie(f"the object {ref.digest} has {len(data)} bytes where {ref.size} were declared")
        return data
