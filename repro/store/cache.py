"""The objects on this machine: large ones are read-only files named by their digests, small ones are records of packs.

Layout: `docs/reference/format.md`, section "Cache". Several processes may work at once without locks: a file appears
under its name whole, by a rename, and never changes.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from repro.errors import IntegrityError
from repro.model.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.links import LINK_FROM
from repro.model.pack import SMALL_LIMIT
from repro.model.tree import Entry, decode_tree
from repro.model.tree_objects import MAX_TREE_BYTES
from repro.store.cache_format import check_format, mark_format
from repro.store.flushing import flush_file, flush_files
from repro.store.freshness import FRESH, Freshness
from repro.store.hashing import BLOCK, copy_and_hash, hash_descriptor, hash_file
from repro.store.object_faults import CorruptObject as CorruptObject
from repro.store.object_faults import MissingObject as MissingObject
from repro.store.object_faults import SizeLie as SizeLie
from repro.store.packed_objects import PackedObjects
from repro.store.reflink import is_read_from_start, reflink
from repro.store.set_aside import set_aside
from repro.store.shared_folders import make_folder
from repro.store.temp_files import sweep, temp_file, write_all

if TYPE_CHECKING:
    from repro.store.batch import Batch
    from repro.store.pack_writer import WrittenPack


class Cache:
    """The objects under one folder. It is an `ObjectSource`, an `ObjectSink` and a `TreeSource`."""

    def __init__(self, root: str) -> None:
        """Take the folder, which need not exist yet.

        Raises:
            NewerCache: its format is newer than this repro knows, or not a version at all.
        """
        self.root = root
        self._tmp = os.path.join(root, "tmp")
        self._unflushed: set[str] = set()
        self._prepared = self._has_new_names = False
        self._packed = PackedObjects(root, self._store_beside)
        self._freshness = Freshness(root)
        check_format(root)

    # reading

    def path_of(self, digest: Digest) -> str:
        """Return where the object's own file is, or would be: one of at most `SMALL_LIMIT` bytes may have none."""
        return f"{self.root}/objects/{digest[3:5]}/{digest[5:]}"

    def has(self, digest: Digest) -> bool:
        """Whether the object is here (its bytes are verified when they are read)."""
        return self.size(digest) is not None

    def size(self, digest: Digest) -> int | None:
        """Return the object's length in bytes, None where it is not here."""
        place = self._packed.place(digest)
        if place is not None:
            return place.size
        status = self._status(digest)
        return None if status is None else status.st_size

    def ref_of(self, digest: Digest) -> ObjectRef:
        """Return the reference of an object that is here.

        Raises:
            MissingObject: it is not.
        """
        size = self.size(digest)
        if size is None:
            raise self._missing(digest)
        return ObjectRef(digest, size)

    def open(self, ref: ObjectRef) -> BinaryIO:
        """Return a reader of the object's bytes, which are not verified.

        Raises:
            MissingObject: it is not here.
        """
        data = self._in_packs(ref)
        if data is not None:
            return io.BytesIO(data)
        return os.fdopen(self._open(ref.digest), "rb")

    def read(self, ref: ObjectRef) -> bytes:
        """Return a small object's bytes, verified.

        Raises:
            MissingObject, CorruptObject, SizeLie: it is not here, or not what `ref` says.
        """
        data = self._in_packs(ref)
        if data is not None:
            return data
        descriptor = self._open(ref.digest)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_size != ref.size:
                self._check(ref, hash_descriptor(descriptor))
            data = file.read()
            self._check(ref, ObjectRef(digest_of(data), len(data)))
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

    def copy_to(self, ref: ObjectRef, descriptor: int) -> None:
        """Write the object's bytes to an open, empty file, verified as they pass; shared blocks where possible.

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
                self._check(ref, ObjectRef(digest_of(data), len(data)))
                if not (ref.size >= LINK_FROM and reflink(source, descriptor)):
                    write_all(descriptor, data)
                return
            shared = reflink(source, descriptor)
            self._check(ref, hash_descriptor(source) if shared else copy_and_hash(source, descriptor))
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
        status, here = os.fstat(descriptor), self._status(ref.digest)
        return here is not None and (os.path.samestat(status, here) or self._is_intact(ref, here))

    def is_own_file(self, ref: ObjectRef, name: bytes, folder: int) -> bool:
        """Whether `name` in an open directory is a hard link to the object's own file."""
        here = self._status(ref.digest)
        return here is not None and os.path.samestat(here, os.stat(name, dir_fd=folder, follow_symlinks=False))

    def is_linked_by(self, target: bytes, ref: ObjectRef) -> bool:
        """Whether a symlink's target is the object's own file, and that is intact and not executable."""
        here = self._status(ref.digest) if target == os.fsencode(self.path_of(ref.digest)) else None
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
        self._check(ref, found)

    # writing

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Store bytes held in memory.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        ref = ObjectRef(digest_of(data), len(data))
        if not self.knows(ref):
            self.store_alone(data, ref)
        return ref

    def add_descriptor(self, descriptor: int) -> ObjectRef:
        """Store what can be read from the descriptor's position to its end, in one pass, with flat memory.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        first = os.read(descriptor, BLOCK)
        if len(first) < BLOCK:
            second = os.read(descriptor, BLOCK)
            if not second:
                return self.add_bytes(first)
            first += second
        return self.store_large(descriptor, first)

    @contextlib.contextmanager
    def batch(self) -> Iterator[Batch]:
        """Collect many objects: small ones go into packs. They can be read from here once the `with` has ended well;
        where it ends by an error, some may be here and some not.

        Raises:
            OSError: the disk is full, or refuses.
        """
        from repro.store.batch import Batch

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
        from repro.store.publish_packs import merge_many, publish_packs

        self.prepare()
        publish_packs(self.root, packs)
        self._has_new_names = True
        merge_many(self.root, self._packed.indexes)

    def knows(self, ref: ObjectRef) -> bool:
        """Whether the object is here, and stays here: a gc is told that it is used."""
        place = self._packed.place(ref.digest)
        if place is not None and self._packed.is_kept(place, self._freshness):
            self._has_new_names = True  # of another process, perhaps
            return True
        return self._is_kept_alone(ref)

    def is_distrusted(self, digest: Digest) -> bool:
        """Whether the object's records in packs were found damaged: it is stored as a file of its own then."""
        return digest in self._packed.damaged

    def store_alone(self, data: bytes, ref: ObjectRef) -> None:
        """Store bytes, which `knows` does not know, as a file of their own.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        self.prepare()
        with temp_file(self._tmp) as (temp, path):
            write_all(temp, data)
            self._publish(temp, path, ref)

    def store_large(self, descriptor: int, first: bytes) -> ObjectRef:
        """Store `first`, which was read from the descriptor, and all that can still be read, as a file of its own.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        self.prepare()
        with temp_file(self._tmp) as (temp, path):
            # Of a clone, it is the clone that is hashed: the original may be written to.
            cloned = is_read_from_start(descriptor, len(first)) and reflink(descriptor, temp)
            ref = hash_descriptor(temp) if cloned else copy_and_hash(descriptor, temp, first)
            if not self.knows(ref):
                self._publish(temp, path, ref)
        return ref

    def receive(self, digest: Digest, size: int | None, fill: Callable[[int], None]) -> ObjectRef:
        """Store an object from elsewhere, which nobody sees before it is verified.

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
                kept = self._quarantine(path, digest)
                raise CorruptObject(f"what came for {digest} is {found.digest} (kept as {kept})")
            if size is not None and found.size != size:
                raise SizeLie(f"the object {digest} has {found.size} bytes where {size} were declared")
            if not self.knows(found):
                self._publish(temp, path, found)
        return found

    def flush(self) -> None:
        """Put on disk what was added since the last flush: call it before publishing a record that names it."""
        paths, self._unflushed = self._unflushed, set()
        flush_files(paths, f"{self.root}/objects")
        if self._has_new_names:
            self._has_new_names = False
            for folder in ("packs", "indexes"):
                flush_file(f"{self.root}/{folder}")

    # inside

    def _open(self, digest: Digest) -> int:
        try:
            return os.open(self.path_of(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise self._missing(digest) from None

    def _status(self, digest: Digest) -> os.stat_result | None:
        try:
            return os.stat(self.path_of(digest))
        except FileNotFoundError:
            return None

    def _is_intact(self, ref: ObjectRef, status: os.stat_result) -> bool:
        """Whether an object may stand for bytes that are then given up. One that a work tree may be linked to is read:
        somebody may have written through the link. Small ones are never linked, so their length will do."""
        if status.st_size != ref.size:
            return False
        return ref.size < LINK_FROM or hash_file(self.path_of(ref.digest)) == ref

    def _missing(self, digest: Digest) -> MissingObject:
        return MissingObject(f"the object {digest} is not in the cache {self.root}", "get it with: repro fetch")

    def _check(self, ref: ObjectRef, found: ObjectRef) -> None:
        if found == ref:
            return
        if found.digest == ref.digest:
            raise SizeLie(f"the object {ref.digest} has {found.size} bytes where {ref.size} were declared")
        path = self.path_of(ref.digest)
        kept = self._quarantine(path, ref.digest)
        raise CorruptObject(
            f"the object {ref.digest} is damaged: {path} has {found.size} bytes of {found.digest} (moved to {kept})",
            "get it again with: repro fetch",
        )

    def _quarantine(self, path: str, digest: Digest) -> str:
        return set_aside(self.root, path, digest[3:])

    def _in_packs(self, ref: ObjectRef) -> bytes | None:
        """Return the bytes of an object that is a record of a pack, verified; None where it is none.

        Raises:
            CorruptObject, SizeLie: it is damaged in all packs and no file of its own, or not of that size.
        """
        if ref.size > SMALL_LIMIT and self._status(ref.digest) is not None:
            return None
        try:
            data = self._packed.read(ref.digest)
        except CorruptObject:
            if self._status(ref.digest) is None:
                raise
            return None
        if data is not None:
            self._check(ref, ObjectRef(ref.digest, len(data)))
        return data

    def _store_beside(self, data: bytes) -> None:
        """Keep the good bytes of an object that is damaged in one pack, where that is possible."""
        ref = ObjectRef(digest_of(data), len(data))
        with contextlib.suppress(OSError):
            if not self._is_kept_alone(ref):
                self.store_alone(data, ref)

    def _is_kept_alone(self, ref: ObjectRef) -> bool:
        path = self.path_of(ref.digest)
        found = self._status(ref.digest)
        if found is None:
            return False
        if self._is_intact(ref, found):
            if found.st_mtime > time.time() - FRESH:
                self._unflushed.add(path)  # another process may have added it without flushing it yet
            if ref.size >= LINK_FROM:
                self._freshness.mark(path, found.st_mtime)
                return True
            return self._freshness.touch(path, found.st_mtime)
        # A wrong length is what a power cut leaves of a file that was never flushed: it is written again.
        if ref.size >= LINK_FROM:
            self._quarantine(path, ref.digest)  # what was written through a link may be somebody's only copy
        return False

    def _publish(self, temp: int, temp_path: str, ref: ObjectRef) -> None:
        path = self.path_of(ref.digest)
        os.fchmod(temp, 0o444)
        try:
            os.rename(temp_path, path)
        except FileNotFoundError:
            make_folder(os.path.dirname(path))
            os.rename(temp_path, path)
        self._unflushed.add(path)

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
        self._prepared = True
