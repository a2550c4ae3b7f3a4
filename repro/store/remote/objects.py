"""The objects of a remote: what is there is known from its indexes, and what is read is verified."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing

from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.digest import Digest
from repro.model.packs.chunk_list import ENTRY_BYTES, START_BYTES, BadChunkList, parse_chunks, parse_list_start
from repro.model.packs.pack import HEAD_BYTES, BadPack, RecordHead, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place
from repro.store.files.hashing import finish, new_hasher
from repro.store.object_faults import SizeLie
from repro.store.packs.records import PayloadCheck, checked_head, unpack_object
from repro.store.remote.garbage import condemnations, packs_there
from repro.store.remote.indexes import RemoteIndexes, kept_folder
from repro.store.remote.names import pack_name
from repro.store.remote.packs import all_records
from repro.store.remote.remote import Remote
from repro.store.storages.errors import CorruptRemoteObject, MissingOnRemote, NotOnRemote, RemoteListsNothing, TooLong

JOBS = 8

LIST_PART = 65_536 * ENTRY_BYTES
"""Bytes of a chunk list that are held at a time: the chunks of some 40 GB."""


class RemoteObjects:
    """What a remote has. Nothing is asked of it before the first question; several threads may ask."""

    def __init__(self, remote: Remote, root: str, jobs: int = JOBS, overlooked: Collection[str] = ()) -> None:
        """Take a remote, and the folder of the cache, beside whose objects the remote's indexes are kept.

        Indexes of the names `overlooked` are taken for not there.
        """
        self.remote = remote
        self.shown = remote.shown
        self._kept = RemoteIndexes(remote, kept_folder(root, remote), jobs, overlooked)
        self._lock = threading.RLock()
        self._indexes: tuple[PackIndex, ...] | None = None
        self._packs: dict[Digest, int] | None = None
        self._gone: set[Digest] = set()
        self.distrusted: set[Digest] = set()
        self.condemned: frozenset[str] = frozenset()

    # what is there

    def indexes(self) -> tuple[PackIndex, ...]:
        """Return the remote's indexes, as they were at the first question, and those published since.

        Raises:
            CorruptRemoteObject: one is not what its name says.
            RemoteError: the remote cannot be reached, or refuses.
        """
        with self._lock:
            if self._indexes is None:
                self._packs = self._listed_packs()
                # The longest first: it knows most of what is asked for, and then the others are not asked.
                self._indexes = tuple(sorted(self._kept.load(), key=lambda index: -index.count))
                if self._packs is not None and any(not self.is_there(pack) for pack in self._named_packs()):
                    # One that came after the first listing: its index came after it, and was seen.
                    self._packs = self._listed_packs()
            return self._indexes

    def look_again(self) -> bool:
        """List the remote again; return whether it has other indexes than before. Errors as `indexes`."""
        with self._lock:
            before = {pack for index in self._indexes or () for pack in index.packs}
            self._indexes = None
            self._gone.clear()
            self.indexes()
            return before != self._named_packs()

    def places(self, digest: Digest) -> Iterator[Place]:
        """Yield where an object is, in packs that are there and are not to be deleted.

        Raises: as `indexes`.
        """
        for index in self.indexes():
            position = index.position(digest)
            if position is not None and digest not in self.distrusted:
                place = index.place(position)
                if self.is_there(place.pack):
                    yield place

    def find(self, digest: Digest) -> Place | None:
        """Return where an object is, None where it is not there; errors as `indexes`."""
        return next(self.places(digest), None)

    def has(self, digest: Digest) -> bool:
        """Whether the object is there; errors as `indexes`."""
        return self.find(digest) is not None

    def size(self, digest: Digest) -> int | None:
        """Return the object's length in bytes, None where it is not there; errors as `indexes`."""
        place = self.find(digest)
        return None if place is None else place.size

    def is_whole(self) -> bool:
        """Whether every pack that an index names is there: then a tree is there with everything below it.

        Raises: as `indexes`.
        """
        self.indexes()
        return not self.condemned and all(self.is_there(pack) for pack in self._named_packs())

    def lose(self, pack: PackFile) -> None:
        """Note that a pack has gone."""
        self._gone.add(pack.digest)

    def distrust(self, digests: Iterable[Digest]) -> None:
        """Take these objects for absent, until they are published again: their records are damaged."""
        self.distrusted.update(digests)

    def heed_condemned(self) -> bool:
        """Look which files are to be deleted, and no longer rely on them; return whether there are new ones.

        Raises:
            BadCondemned: what says so cannot be understood.
            RemoteError: the remote cannot be reached, or refuses.
        """
        condemned = frozenset(name for one in condemnations(self.remote) for name in one.packs)
        fresh = not condemned <= self.condemned
        self.condemned = condemned
        return fresh

    def published(self, digest: Digest, data: bytes, packs: Iterable[PackFile]) -> None:
        """Note an index that was written to the remote just now, and its packs."""
        index = self._kept.keep(digest, data)
        with self._lock:
            self._indexes = (*self.indexes(), index)
            if self._packs is not None:
                self._packs |= {pack.digest: pack.length for pack in packs}
            self._gone -= {pack.digest for pack in packs}
            self.distrusted = {digest for digest in self.distrusted if not index.has(digest)}

    # reading

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return an object's bytes, verified.

        Args:
            digest: of the object.
            limit: the most bytes that it may have.

        Raises:
            MissingOnRemote: it, or a chunk of it, is not there.
            TooLong: it has more than `limit` bytes.
            CorruptRemoteObject: what is there is something else.
            RemoteError: the remote cannot be reached, or refuses.
        """
        size = self.size(digest)
        if size is not None and size > limit:
            raise TooLong(f"{digest} in {self.shown} has {size} bytes, more than the {limit} it may have")
        with closing(self._blocks(digest)) as blocks:
            return b"".join(blocks)

    def verify(self, ref: ObjectRef, told: Callable[[int], None]) -> None:
        """Read a whole object and compare; `told` hears the bytes of each chunk.

        Raises: as `read`; SizeLie: it has another length.
        """
        size = self.size(ref.digest)
        if size not in (None, ref.size):
            raise SizeLie(f"{self.shown}: the object {ref.digest} has {size} bytes where {ref.size} were declared")
        with closing(self._blocks(ref.digest)) as blocks:
            for block in blocks:
                told(len(block))

    def record(self, digest: Digest) -> tuple[Place, RecordHead, bytes]:
        """Return an object's record, from the first pack that gives a sound one.

        Returns:
            Where it is, its head, and the object's bytes, verified; of a chunk list, the first `LIST_PART` bytes of its
            payload as they are.

        Raises: as `read`.
        """
        fault: CorruptRemoteObject | None = None
        for place in self.places(digest):
            is_list = place.kind is RecordKind.CHUNKS
            length = HEAD_BYTES + (min(place.stored, START_BYTES + LIST_PART) if is_list else place.stored)
            try:
                data = memoryview(self.remote.read_range(pack_name(place.pack.digest), place.offset, length))
            except NotOnRemote:
                self.lose(place.pack)
                continue
            except IntegrityError as error:  # it does not decrypt
                fault = fault or self.corrupt(digest, place, error)
                continue
            try:
                if len(data) != length:
                    raise BadPack("the pack is cut off")
                head = checked_head(bytes(data[:HEAD_BYTES]), digest, place)
                payload = data[HEAD_BYTES:]
                return place, head, bytes(payload) if is_list else unpack_object(head, payload)
            except IntegrityError as error:
                fault = fault or self.corrupt(digest, place, error)
        if fault is not None:
            raise fault
        raise MissingOnRemote(self.shown, (digest,))

    def chunks(self, digest: Digest) -> Generator[list[tuple[Digest, int]], None, None]:
        """Yield the chunks of a large object, digest and length, in parts that memory holds.

        The last part comes only if the list is as it was written, and is of the object's length.

        Raises: as `read`.
        """
        place, head, first = self.record(digest)
        try:
            start = parse_list_start(first[:START_BYTES], head.size, head.stored)
            part = first[START_BYTES:]
            hasher = PayloadCheck(head)
            hasher.update(first)
            passed, total = len(first), 0
            while True:
                chunks = list(parse_chunks(part))
                total += sum(length for _, length in chunks)
                if total > start.size:
                    raise BadChunkList(f"the chunks add up to more than the object's {start.size} bytes")
                if passed >= head.stored:
                    break
                yield chunks
                part = self._more(place, passed, min(LIST_PART, head.stored - passed))
                hasher.update(part)
                passed += len(part)
            if not hasher.agrees() or total != start.size:
                raise BadChunkList("the list of chunks is damaged, or adds up to another length")
        except IntegrityError as error:
            raise self.corrupt(digest, place, error) from error
        yield chunks

    def corrupt(self, digest: Digest, place: Place, error: IntegrityError) -> CorruptRemoteObject:
        """Return the error that names pack, offset and object."""
        return CorruptRemoteObject(
            f"{digest} in {self.shown} is not what its name says: "
            f"{pack_name(place.pack.digest)} at {place.offset}: {error.message}",
            "nothing was deleted there; push it again from where it is intact",
        )

    def records(self, pack: PackFile) -> Generator[tuple[int, RecordHead, bytes], None, None]:
        """Yield all records of a pack in their order: offset, head, payload, which is not verified.

        Raises:
            NotOnRemote: the pack is not there.
            BadPack: what is there is none; the records before were yielded.
            RemoteError: the remote cannot be reached, or refuses.
        """
        yield from all_records(self.remote, pack)

    def _blocks(self, digest: Digest) -> Generator[bytes, None, None]:
        """Yield an object's bytes in parts, each verified, and the whole before the last one."""
        place, head, block = self.record(digest)
        if head.kind is not RecordKind.CHUNKS:
            yield block
            return
        hasher = new_hasher()
        block = b""
        for part in self.chunks(digest):
            for chunk, length in part:
                if block:
                    yield block
                where, found, block = self.record(chunk)
                if found.kind is RecordKind.CHUNKS or len(block) != length:
                    raise self.corrupt(chunk, where, BadPack(f"a list of chunks says that it has {length} bytes"))
                hasher.update(block)
        if finish(hasher) != digest:
            raise self.corrupt(digest, place, BadChunkList("the chunks of the list make another object"))
        yield block

    def _more(self, place: Place, passed: int, length: int) -> bytes:
        data = self.remote.read_range(pack_name(place.pack.digest), place.offset + HEAD_BYTES + passed, length)
        if len(data) != length:
            raise BadPack("the pack is cut off")
        return data

    def _named_packs(self) -> set[PackFile]:
        return {pack for index in self._indexes or () for pack in index.packs}

    def is_there(self, pack: PackFile) -> bool:
        """Whether a pack is there as far as is known, and stays there."""
        if pack.digest in self._gone:
            return False
        if self._packs is not None and self._packs.get(pack.digest) != pack.length:
            return False
        return not self.condemned or pack_name(pack.digest) not in self.condemned

    def _listed_packs(self) -> dict[Digest, int] | None:
        """Return the packs that are there, None where the remote cannot say."""
        try:
            return packs_there(self.remote).lengths()
        except RemoteListsNothing:
            return None
