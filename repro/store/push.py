"""From the cache to a remote: what it lacks is put into packs, and nothing goes twice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from repro.errors import IntegrityError
from repro.model.content import ObjectRef
from repro.model.digest import Digest, hex_of
from repro.model.pack import HEAD_BYTES, PACK_HEADER, SMALL_LIMIT, RecordKind
from repro.model.pack_index import PackFile, Place
from repro.model.progress import SILENT, Progress
from repro.model.tree import Entry, decode_tree
from repro.model.tree_objects import MAX_TREE_BYTES
from repro.store.cache import Cache, CorruptObject, MissingObject, SizeLie
from repro.store.fetch import Fetch
from repro.store.hashing import hash_file
from repro.store.large_objects import send_large
from repro.store.marks import Marked, Marks
from repro.store.outgoing import Outgoing
from repro.store.pack_indexes import PackIndexes
from repro.store.pack_records import Packed, checked_head, pack_object, unpack_object
from repro.store.reached import Root, Walk
from repro.store.remote import Remote
from repro.store.remote_indexes import write_index_list
from repro.store.remote_objects import JOBS, RemoteObjects
from repro.store.transferred import Transferred

_STEP = 4 * 1024 * 1024
"""Bytes of a pack of the cache that are read at a time."""


@dataclass(slots=True)
class _Wanted:
    """What the remote lacks of some roots, by where it is here."""

    marks: Marks
    alone: dict[Digest, int] = field(default_factory=dict)
    trees: set[Digest] = field(default_factory=set)
    """Those of `alone` that are trees."""
    missing: list[Digest] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0


class Push:
    """One push to one remote: `send` as often as needed, then `flush`, before whatever names what was sent.

    Where the `with` block ends by an error, what had arrived counts the next time.
    """

    def __init__(
        self,
        cache: Cache,
        remote: Remote,
        jobs: int = JOBS,
        progress: Progress = SILENT,
        distrusted: Iterable[Digest] = (),
    ) -> None:
        """Prepare the remote, and look what it has.

        Args:
            cache: where the objects are.
            remote: where they go.
            jobs: packs sent at a time.
            progress: told the bytes that were dealt with.
            distrusted: objects that are sent again although they are there, since they are damaged there.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
        """
        remote.prepare()
        self._cache = cache
        self._remote = remote
        self._told = progress
        self._objects = RemoteObjects(remote, cache.root, jobs)
        self._objects.heed_condemned()
        self._objects.distrust(distrusted)
        self._packs = PackIndexes(f"{cache.root}/indexes")
        self._jobs = jobs
        self._outgoing: Outgoing | None = None
        self._roots: list[Root] = []
        self._implied = self._objects.is_whole()
        self._total = Transferred()
        self.transferred = Transferred()
        """All that was sent so far."""

    def __enter__(self) -> Push:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outgoing is None:
            return
        try:
            if error is not None:
                self._outgoing.give_up()
        finally:
            self._outgoing.close()

    def send(self, roots: Sequence[Root]) -> Transferred:
        """Send what the roots need, as far as it is not on the remote; an index names it after `flush`.

        Raises:
            MissingObject: objects are neither here nor there; nothing of these roots was sent.
            CorruptObject: an object here is damaged; it was not sent.
            BadTree, WrongSize: a tree is not what it must be.
            RemoteError: the remote cannot be reached, or refuses. What was sent stays and counts next time.
        """
        self._roots += roots
        sent = self._send(roots)
        self.transferred += sent
        return sent

    def flush(self) -> None:
        """Return when everything that was sent is on the remote, to stay, and named by an index.

        Raises: as `send`.
        """
        self._flush_indexes()
        # Who collects garbage says so before: what was found there and is to go is sent again.
        while self._objects.heed_condemned():
            self._implied = self._objects.is_whole()
            self._send(self._roots)
            self._flush_indexes()
        self._roots = []

    def _flush_indexes(self) -> None:
        if self._outgoing is None:
            return
        written = self._outgoing.indexes
        self._outgoing.flush()
        if self._outgoing.indexes > written:
            write_index_list(self._remote)

    def _send(self, roots: Sequence[Root]) -> Transferred:
        wanted = self._look(roots)
        while wanted.missing and self._objects.condemned and self._save(wanted.missing):
            wanted = self._look(roots)
        if wanted.missing:
            raise MissingObject(
                f"{len(wanted.missing)} objects are neither here nor on {self._remote.shown}: "
                f"{', '.join(wanted.missing[:3])}",
                "get them from where they are: repro fetch",
            )
        if not wanted.objects:
            return Transferred()
        if self._outgoing is None:
            workshop = self._remote.workshop()
            if workshop is None:
                self._cache.prepare()
            self._outgoing = Outgoing(self._objects, workshop, os.path.join(self._cache.root, "tmp"), self._jobs)
        self._total += Transferred(wanted.objects, wanted.bytes)
        self._told.total(self._total.bytes, self._total.objects)
        sending = _Sending(self._cache, self._outgoing, wanted, self._told)
        sending.packs()
        sending.files()
        self._outgoing.complete()
        return Transferred(sending.objects, sending.bytes)

    def _save(self, digests: Iterable[Digest]) -> bool:
        """Whether any of these objects could be brought here from packs that are to be deleted."""
        there = RemoteObjects(self._remote, self._cache.root, self._jobs)
        sizes = {digest: there.size(digest) for digest in digests}
        refs = [ObjectRef(digest, size) for digest, size in sizes.items() if size is not None]
        return bool(refs) and Fetch(self._cache, there, self._jobs).bring(refs).objects > 0

    def _look(self, roots: Iterable[Root]) -> _Wanted:
        """Find what is to be sent. A tree that is there is there with all that is below it, as a rule."""
        wanted = _Wanted(Marks(list(self._packs.current().values())))

        def open_tree(digest: Digest) -> tuple[Entry, ...] | None:
            there = self._is_sent(digest)
            if there and self._implied:
                return None
            size = self._cache.size(digest)
            if size is None and there:
                return decode_tree(self._objects.read(digest, MAX_TREE_BYTES))
            if size is None:
                wanted.missing.append(digest)
                return None
            if not there:
                self._want(wanted, ObjectRef(digest, size), is_tree=True)
            return self._cache.read_tree(digest)

        for ref in Walk(roots, open_tree).files():
            if not self._is_sent(ref.digest, ref.size):
                self._want(wanted, ref)
        return wanted

    def _is_sent(self, digest: Digest, size: int | None = None) -> bool:
        if self._outgoing is not None and self._outgoing.is_pending(digest):
            return True
        place = self._objects.find(digest)
        return place is not None and size in (None, place.size)

    def _want(self, wanted: _Wanted, ref: ObjectRef, is_tree: bool = False) -> None:
        found = wanted.marks.mark(ref.digest, self._is_here, is_tree)
        if found is not None:
            place, fresh = found
            size = place.size
        else:
            here = self._cache.size(ref.digest)
            if here is None:
                wanted.missing.append(ref.digest)
                return
            size, fresh = here, ref.digest not in wanted.alone
            wanted.alone[ref.digest] = size
            if is_tree:
                wanted.trees.add(ref.digest)
        if size != ref.size:
            raise SizeLie(f"the object {ref.digest} is declared with {ref.size} bytes and has {size}")
        wanted.objects += fresh
        wanted.bytes += size * fresh

    def _is_here(self, place: Place) -> bool:
        return place.kind is not RecordKind.CHUNKS


class _Sending:
    """Gives to the outgoing packs what was found to be wanted."""

    def __init__(self, cache: Cache, outgoing: Outgoing, wanted: _Wanted, told: Progress) -> None:
        self._cache = cache
        self._outgoing = outgoing
        self._wanted = wanted
        self._told = told
        self.objects = 0
        self.bytes = 0

    def packs(self) -> None:
        """Send what is in packs here: a pack of which everything is wanted goes as it is."""
        for pack, marked in self._wanted.marks.by_pack():
            path = f"{self._cache.root}/packs/{hex_of(pack.digest)}"
            whole = _is_all_of(pack, marked) and self._outgoing.may_name(pack)
            if whole and self._as_it_is(pack, path, marked):
                continue
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # collected by now: what it had may be somewhere else
                descriptor = -1
            try:
                self._records(descriptor, marked)
            finally:
                if descriptor >= 0:
                    os.close(descriptor)

    def files(self) -> None:
        """Send what are files of their own here: the small ones as records, the large ones cut."""
        for digest, size in self._wanted.alone.items():
            ref = ObjectRef(digest, size)
            is_tree = digest in self._wanted.trees
            if size <= SMALL_LIMIT:
                self._add(digest, pack_object(digest, self._cache.read(ref)), is_tree)
                continue
            with self._cache.open(ref) as file:
                sent = send_large(file, ref, self._outgoing, self._told, is_tree)
            if sent is None:
                self._cache.verify(ref)
                raise CorruptObject(f"the object {digest} changed while it was read")
            self.objects += 1
            self.bytes += sent

    def _as_it_is(self, pack: PackFile, path: str, marked: Sequence[Marked]) -> bool:
        """Whether the pack could be sent: its bytes are those that its name says."""
        found = hash_file(path)
        if found is None or found.digest != pack.digest or found.size != pack.length:
            return False
        spots = {m.digest: (m.place.offset, m.place.size, m.place.stored, m.place.kind) for m in marked}
        size = sum(m.place.size for m in marked)

        trees = {m.digest for m in marked if m.is_tree}
        self._outgoing.send_pack(pack, path, spots, trees, lambda: self._told.advance(size, len(marked)))
        self.objects += len(marked)
        self.bytes += size
        return True

    def _records(self, descriptor: int, marked: Sequence[Marked]) -> None:
        start, block = 0, b""
        for one in marked:
            length = HEAD_BYTES + one.place.stored
            offset = one.place.offset
            if descriptor >= 0 and not start <= offset <= offset + length <= start + len(block):
                start, block = offset, os.pread(descriptor, max(length, _STEP), offset)
            record = memoryview(block)[offset - start : offset - start + length]
            self._add(one.digest, self._packed(one, record), one.is_tree)

    def _packed(self, one: Marked, record: memoryview) -> Packed:
        """Return the record as it is, once its object's bytes were compared; else of the bytes from elsewhere here."""
        try:
            head = checked_head(bytes(record[:HEAD_BYTES]), one.digest, one.place)
            unpack_object(head, record[HEAD_BYTES:])
            return Packed(bytes(record[:HEAD_BYTES]), record[HEAD_BYTES:], head.kind, head.size)
        except IntegrityError:
            return pack_object(one.digest, self._cache.read(ObjectRef(one.digest, one.place.size)))

    def _add(self, digest: Digest, packed: Packed, is_tree: bool) -> None:
        self._outgoing.add(digest, packed, is_tree=is_tree)
        self.objects += 1
        self.bytes += packed.size
        self._told.advance(packed.size, 1)


def _is_all_of(pack: PackFile, marked: Sequence[Marked]) -> bool:
    return len(PACK_HEADER) + sum(HEAD_BYTES + one.place.stored for one in marked) == pack.length
