"""A pack of a remote that is mostly wanted: it comes whole, and is the cache's from then on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from repro.errors import IntegrityError
from repro.full_disk import naming_the_disk
from repro.model.data.tree import HEADER
from repro.model.digest import raw_of
from repro.model.packs.digest_table import DigestTable
from repro.model.packs.pack import SMALL_LIMIT, BadPack, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.ranges import is_mostly
from repro.model.progress import Progress
from repro.store.cache.cache import Cache
from repro.store.files.hashing import BLOCK, hash_descriptor
from repro.store.files.temp_files import open_temp
from repro.store.packs.marks import MarkedPack, Marks
from repro.store.packs.records import unpack_object
from repro.store.packs.scan import scan_heads
from repro.store.packs.spots import bytes_of, digests_of
from repro.store.packs.writer import WrittenPack
from repro.store.parallel import Stop
from repro.store.remote.names import pack_name
from repro.store.remote.objects import RemoteObjects

_WORTH_KEEPING = 1024 * 1024
"""Bytes of a pack below which what is in it is put together with other small objects here."""

_AT_ONCE = 4
_SECONDS_AT_MOST = 10.0
"""How many packs are named together, and how long the first of them waits: what is killed finds its work again."""


class CameAlong:
    """Objects that came in a whole pack before they were asked for: files in one pack with trees, as a rule.

    Each is a mark on the remote's indexes, so that they may be as many as there are; the few that no index there names
    take more room.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: list[Marks] = []
        self._indexes: tuple[PackIndex, ...] = ()
        self._unnamed = DigestTable()

    def note(self, digests: Sequence[bytes], indexes: tuple[PackIndex, ...]) -> None:
        """Remember objects that were not here before; several threads may call this.

        Args:
            digests: the 32 bytes of each, sorted, none twice.
            indexes: the remote's.
        """
        with self._lock:
            if digests and (not self._marks or indexes != self._indexes):
                self._marks.append(Marks(indexes))
                self._indexes = indexes
            named = {raw for raw, _, _ in self._marks[-1].mark_all(digests, lambda place: True)} if digests else ()
            for raw in digests:
                if raw not in named:
                    self._unnamed.set(raw, 1)

    def is_asked_for(self, digest: bytes) -> bool:
        """Whether an object came along; it is forgotten, as it is counted from now on."""
        if self._unnamed and self._unnamed.get(digest):
            self._unnamed.set(digest, 0)
            return True
        return sum(marks.unmark(digest) for marks in self._marks) > 0  # it may have come in two packs


class FetchedPacks:
    """Takes packs from a remote into the cache; used by several threads."""

    def __init__(self, cache: Cache, objects: RemoteObjects, told: Progress, along: CameAlong) -> None:
        """Nothing comes yet. `told` hears of what was wanted, `along` of what came with it."""
        cache.prepare()
        self._along = along
        self._cache = cache
        self._there = objects
        self._told = told
        self._lock = threading.Lock()
        self._waiting: list[WrittenPack] = []
        self._since = time.monotonic()
        self.objects = 0
        self.bytes = 0

    def take(self, marked: MarkedPack, stop: Stop) -> bool:
        """Fetch the pack, if most of it is wanted, and all that is are small objects; else return False, as of a pack
        that is not what its name says.

        Raises:
            NotOnRemote: it is not there.
            RemoteError: the remote cannot be reached, or refuses.
            OSError: the disk is full, or refuses.
        """
        pack = marked.pack
        if pack.length < _WORTH_KEEPING:
            return False
        entries = b"".join(marked.entries())
        size, stored, longest = bytes_of(entries)
        if not is_mostly(stored, pack.length) or longest > SMALL_LIMIT:
            return False
        wanted = dict.fromkeys(digests_of(entries), False)
        count = len(wanted)
        del entries  # while the pack comes, its notes need not fill memory
        written = self._fetch(pack, wanted, stop)
        if written is None:
            return False
        with self._lock:
            self._waiting.append(written)
            self.objects += count
            self.bytes += size
            if len(self._waiting) >= _AT_ONCE or time.monotonic() - self._since >= _SECONDS_AT_MOST:
                self._publish()
        return True

    def finish(self) -> None:
        """Name what is not named yet.

        Raises:
            OSError: the disk is full, or refuses.
        """
        with self._lock:
            self._publish()

    def _publish(self) -> None:
        packs, self._waiting = self._waiting, []
        self._since = time.monotonic()
        if packs:
            self._cache.publish(packs)

    def _fetch(self, pack: PackFile, wanted: dict[bytes, bool], stop: Stop) -> WrittenPack | None:
        folder = os.path.join(self._cache.root, "tmp")
        descriptor, path = open_temp(folder)
        try:
            with naming_the_disk(folder):
                self._there.remote.get_to(pack_name(pack.digest), descriptor, pack.length, lambda count: stop.check())
                entries, others = self._verified(descriptor, pack, wanted, stop)
                os.fchmod(descriptor, 0o444)
                os.fsync(descriptor)
        except IntegrityError:
            os.unlink(path)
            return None
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(descriptor)
        here = {raw for raw, _ in self._cache.sizes_of(others)}
        self._along.note([raw for raw in others if raw not in here], self._there.indexes())
        return WrittenPack(pack, path, entries)

    def _verified(
        self, descriptor: int, pack: PackFile, wanted: dict[bytes, bool], stop: Stop
    ) -> tuple[bytes, list[bytes]]:
        """Compare the pack with its name, and each record with its own. All of `wanted` is true then.

        Returns:
            What the cache is to know of it, and the objects of that which were not wanted, sorted.

        Raises:
            IntegrityError: anything is wrong.
        """
        os.lseek(descriptor, 0, os.SEEK_SET)
        found = hash_descriptor(descriptor, on_all_cores=False)  # several packs come at a time
        if (found.digest, found.size) != (pack.digest, pack.length):
            raise BadPack("it is not what its name says")
        entries, others, left = bytearray(), set[bytes](), len(wanted)
        with open(descriptor, "rb", buffering=BLOCK, closefd=False) as file:
            file.seek(0)
            for record in scan_heads(file, pack.length):
                stop.check()
                head = record.head
                if head.kind is RecordKind.CHUNKS or head.size > SMALL_LIMIT:
                    continue
                data = unpack_object(head, file.read(head.stored))
                raw = raw_of(head.digest)
                has_come = wanted.get(raw)
                if has_come is False:
                    wanted[raw] = True
                    left -= 1
                    self._told.advance(head.size, 1)
                # A tree that was not asked for may have come without what is below it.
                elif has_come or raw in others or data.startswith(HEADER):
                    continue
                else:
                    others.add(raw)
                entries += raw + place_bytes(0, record.offset, head.size, head.stored, head.kind)
        if left:
            raise BadPack("it lacks what an index says of it")
        return bytes(entries), sorted(others)
