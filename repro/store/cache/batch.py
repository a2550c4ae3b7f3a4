"""Many objects stored together: small ones go into packs, unless they are only a few."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.data.tree_objects import Reading
from repro.model.digest import Digest, digest_from, digest_of, raw_of
from repro.model.packs.pack import PACK_SIZE, SMALL_LIMIT
from repro.store.packs.records import pack_object
from repro.store.packs.writer import WrittenPack

if TYPE_CHECKING:
    from repro.store.packs.packing_processes import PackingProcesses
    from repro.store.packs.stream import PackStream

_FEW_OBJECTS = 64
_FEW_BYTES = 1024 * 1024
"""Fewer objects than this, of fewer bytes, are files of their own: no pack for three of them."""

_PACKS_AT_ONCE = 16
_RECORDS_AT_ONCE = 65_536
"""What is published at the latest, so that memory is bounded and what was killed finds its work again."""


_NOT_READ = bytes(32)

_SHARED_FROM = 2048
"""Small files after which other processes help with those that follow: they take as long to read as a process to start
on every core."""


class BatchStore(Protocol):
    """What a batch is written into; `packing_module` is that of the processes that may help with it."""

    root: str
    packing_module: str | None

    def knows(self, ref: ObjectRef, *, perhaps_packed: bool = True) -> bool:
        """Whether the object is there, to be relied on from now on; it is not looked for in packs if it is in none."""
        ...

    def not_packed(self, digests: bytes) -> bytes:
        """Return those digests (32 bytes each) of objects that are neither in a pack nor distrusted; none, where
        that is not known."""
        ...

    def keeps(self, digest: Digest) -> bool:
        """Whether the object is there, to be relied on from now on; its bytes are not looked at."""
        ...

    def store_alone(self, data: bytes, ref: ObjectRef) -> None:
        """Store an object as a file of its own."""
        ...

    def store_large(self, descriptor: int, first: bytes, told: Told | None = None) -> ObjectRef:
        """Store what can be read after `first`, as a file of its own."""
        ...

    def is_distrusted(self, digest: Digest) -> bool:
        """Whether an object is not looked for in packs."""
        ...

    def publish(self, packs: list[WrittenPack]) -> None:
        """Give packs their names and index them."""
        ...


class Batch:
    """A sink for many objects, from one thread or several. `finish` or `give_up` ends it."""

    def __init__(self, store: BatchStore) -> None:
        """Write into a cache that is prepared."""
        self._store = store
        self._tmp = os.path.join(store.root, "tmp")
        self._lock = threading.Lock()
        self._held: list[tuple[Digest, bytes]] = []
        self._held_bytes = 0
        self._pending: set[bytes] = set()
        self._stream: PackStream | None = None
        self._offered = 0
        self._processes: PackingProcesses | None = None
        self._elsewhere = 0

    def has(self, digest: Digest) -> bool:
        """Whether the object is in this batch, or was there before."""
        return raw_of(digest) in self._pending or self._store.keeps(digest)

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Store bytes held in memory.

        Raises:
            OSError: the disk is full, or refuses.
        """
        ref = ObjectRef(digest_of(data), len(data))
        raw = raw_of(ref.digest)
        if raw in self._pending or self._store.knows(ref):
            return ref
        if ref.size > SMALL_LIMIT or self._store.is_distrusted(ref.digest):
            self._store.store_alone(data, ref)
            return ref
        with self._lock:
            if raw not in self._pending:
                self._pending.add(raw)
                self._take(ref.digest, data)
        return ref

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        """Store what can be read from the descriptor's position to its end, in one pass, with flat memory.

        `told` hears the bytes of each block.

        Raises:
            OSError: the disk is full, or refuses.
        """
        data = os.read(descriptor, SMALL_LIMIT + 1)
        while len(data) <= SMALL_LIMIT:
            more = os.read(descriptor, SMALL_LIMIT + 1 - len(data))
            if not more:
                if told:
                    told(len(data))
                return self.add_bytes(data)
            data += more
        return self._store.store_large(descriptor, data, told)

    def share(self, folder: int, files: bytes, sizes: Sequence[int]) -> Reading | None:
        """As `SharingSink`: other processes are started when enough files were offered.

        Raises:
            OSError: the disk is full, or refuses.
            PackingEnded: one of them has ended.
        """
        self._offered += len(sizes)
        if self._processes is None:
            if self._offered < _SHARED_FROM or self._store.packing_module is None:
                return None
            self._processes = self._started(self._store.packing_module)
        return self._processes.share(folder, files, sizes) if self._processes is not None else None

    def finish(self) -> None:
        """Publish everything.

        Raises:
            OSError: the disk is full, or refuses; what is not published leaves nothing behind.
            PackingEnded: a process that helped has ended.
        """
        try:
            self._publish()
            if self._stream is None:
                for digest, data in self._held:
                    self._store.store_alone(data, ObjectRef(digest, len(data)))
        finally:
            self._end()

    def give_up(self) -> None:
        """Publish the packs that are complete, for the next attempt to find, and drop the rest."""
        try:
            with contextlib.suppress(OSError):  # that may be why: the first error is the one to hear of
                # Where others read the files, the packs here have trees of what may be in a pack that is dropped.
                if self._processes is not None:
                    packs = self._processes.give_up()
                else:
                    packs = self._stream.take_complete() if self._stream is not None else []
                if packs:
                    self._store.publish(packs)
        finally:
            self._end()

    def _started(self, module: str) -> PackingProcesses | None:
        from repro.store.freed_memory import give_back_what_is_freed
        from repro.store.packs.packing_processes import PackingProcesses, processes_to_start

        give_back_what_is_freed()
        count = processes_to_start()
        return PackingProcesses(self._tmp, module, count, self._judge, self._judged) if count else None

    def _judge(self, digests: bytes, sizes: Sequence[int]) -> tuple[bytes, bytes]:
        """Say which of the files that another process has read it is to keep: those that are nowhere yet."""
        which, known = bytearray(len(sizes)), bytearray(digests)
        left = self._store.not_packed(digests)
        not_packed = {left[at : at + 32] for at in range(0, len(left), 32)}
        for at, size in enumerate(sizes):
            raw = digests[32 * at : 32 * at + 32]
            if raw in self._pending or raw == _NOT_READ:
                continue
            digest, perhaps_packed = digest_from(raw), raw not in not_packed
            if self._store.knows(ObjectRef(digest, size), perhaps_packed=perhaps_packed):
                continue
            if perhaps_packed and self._store.is_distrusted(digest):
                known[32 * at : 32 * at + 32] = _NOT_READ
                continue
            self._pending.add(raw)
            self._elsewhere += size
            which[at] = 1
        return bytes(which), bytes(known)

    def _judged(self) -> None:
        if len(self._pending) >= _RECORDS_AT_ONCE or self._elsewhere >= _PACKS_AT_ONCE * PACK_SIZE:
            self._publish()

    def _take(self, digest: Digest, data: bytes) -> None:
        if self._stream is not None:
            self._write(self._stream, digest, data)
            return
        self._held.append((digest, data))
        self._held_bytes += len(data)
        if len(self._held) >= _FEW_OBJECTS or self._held_bytes >= _FEW_BYTES:
            from repro.store.freed_memory import give_back_what_is_freed
            from repro.store.packs.stream import PackStream

            give_back_what_is_freed()
            self._stream = PackStream(self._tmp)
            held, self._held = self._held, []
            for known, bytes_of_it in held:
                self._write(self._stream, known, bytes_of_it)

    def _write(self, stream: PackStream, digest: Digest, data: bytes) -> None:
        stream.add(digest, pack_object(digest, data))
        if len(stream) >= _PACKS_AT_ONCE or len(self._pending) >= _RECORDS_AT_ONCE:
            self._publish()

    def _publish(self) -> None:
        packs = self._processes.take(is_whole=True) if self._processes is not None else []
        packs += self._stream.take() if self._stream is not None else []
        if packs:
            self._store.publish(packs)
        self._pending.clear()
        self._elsewhere = 0

    def _end(self) -> None:
        if self._processes is not None:
            self._processes.close()
        if self._stream is not None:
            self._stream.close()
