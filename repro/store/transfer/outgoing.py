"""Records on their way to a remote: put together to packs, sent several at a time, and named by an index.

An index never names a tree, nor a chunk list, before everything that it needs is named: trees wait for `flush`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from repro.errors import RemoteError
from repro.model.digest import Digest, raw_of
from repro.model.packs.pack import PACK_RECORDS, PACK_SIZE, RecordKind
from repro.model.packs.pack_index_format import PackFile
from repro.store.packs.records import Packed
from repro.store.packs.spots import digests_of
from repro.store.remote.names import pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.transfer.in_making import PackInMaking, PacksInMaking
from repro.store.transfer.naming import arrived_alone, write_index
from repro.store.transfer.pending import Pending
from repro.store.transfer.sent_packs import SentAhead, SentPack
from repro.store.transfer.under_way import PATIENCE, UnderWay, done_within

_PACKS_AT_ONCE = 16
_RECORDS_AT_ONCE = 16_384
_SECONDS_AT_MOST = 60.0
"""What an index names at the most, and how old its oldest pack becomes: what is killed finds its work again."""

_INDEXES_AHEAD = 2
"""How many indexes may wait to be written: with one, not as many packs would be on their way as may be."""


class Outgoing:
    """What one push sends. One thread calls it; `flush` or `give_up`, then `close`, end it."""

    def __init__(self, objects: RemoteObjects, workshop: str | None, folder: str, jobs: int) -> None:
        """Begin to send.

        Args:
            objects: of the remote, which is prepared.
            workshop: the remote's own folder for packs in the making, where it has one.
            folder: where they are made else.
            jobs: packs sent at a time.
        """
        self._objects = objects
        self._remote = objects.remote
        self._uploads = ThreadPoolExecutor(jobs, "repro-push")
        self._publisher = ThreadPoolExecutor(1, "repro-index")
        self._slots = threading.BoundedSemaphore(jobs + 1)  # packs on the disk that wait
        self._ahead = SentAhead(self._uploads, self._put_pack, 2 * jobs)
        self._packs = PacksInMaking(workshop or folder, None if workshop is None else objects.remote.shown)
        self._pending = Pending()
        self._unpublished: list[SentPack] = []
        self._batch: list[SentPack] = []
        self._with_trees: list[SentPack] = []
        self._published: list[Future[None]] = []
        self._since = time.monotonic()
        self._under_way = UnderWay()
        self._is_left = False
        self.indexes = 0
        """How many indexes were written."""

    def may_name(self, pack: PackFile) -> bool:
        """Whether a pack may come to the remote under this name: not if that is to be deleted."""
        return pack_name(pack.digest) not in self._objects.condemned

    def kind_of(self, digest: Digest) -> RecordKind | None:
        """Return what an object's record is, on the remote or on its way there; None where it is neither."""
        kind = self._pending.kind(raw_of(digest))  # first: what leaves here is on the remote by then
        if kind is None:
            place = self._objects.find(digest)
            kind = None if place is None else place.kind
        return kind

    def is_pending(self, digest: Digest) -> bool:
        """Whether an object is on its way, and no index names it yet; a tree, with all that it needs."""
        return self.has_pending(raw_of(digest))

    def has_pending(self, digest: bytes) -> bool:
        """As `is_pending`, by the 32 bytes of the digest."""
        return self._pending.has(digest)

    def add(self, digest: Digest, packed: Packed, *, is_tree: bool = False, of_large: bool = False) -> None:
        """Send a record that is neither on the remote nor on its way.

        Args:
            digest: of the object.
            packed: its record.
            is_tree: whether it is a tree: then it is named by an index only after all that is below it.
            of_large: whether it is a chunk, or a list of chunks: these share no packs with small objects, since who
                fetches small objects keeps their packs.

        Raises:
            RemoteError: something before it could not be sent.
            OSError: the disk is full, or refuses.
        """
        pack = self._packs.add(digest, packed, is_tree=is_tree, of_large=of_large)
        if not is_tree:
            self._pending.add(raw_of(digest), packed.kind)
        if pack.writer.length >= PACK_SIZE or pack.writer.records >= PACK_RECORDS:
            self._close_pack(of_large)

    def send_pack(self, pack: PackFile, path: str, records: bytes, trees: bytes, told: Callable[[], None]) -> None:
        """Send a pack of this machine as it is; errors as `add`.

        Args:
            pack: what the file is, compared just now.
            path: where it is.
            records: what in it is wanted, as `decode_spots` takes it.
            trees: what else is wanted, which are trees.
            told: called when it has arrived.
        """
        arrives = self._ahead.take(pack, told)
        if arrives is not None:
            self._raise_failures()
            self._note(SentPack(records, trees, arrives))
            return

        def upload() -> PackFile:
            self._put_pack(pack, path)
            told()
            return pack

        self._send(upload, records, trees)

    def send_ahead(self, pack: PackFile, path: str) -> None:
        """Begin to send a pack of this machine of which all is wanted, while the rest is still looked for.

        Nothing names it before `send_pack`. Another thread may call this, one at a time.
        """
        if self.may_name(pack):
            self._ahead.send(pack, path)

    def stop_ahead(self) -> None:
        """Send no more of what nobody has asked for by `send_pack`: not all is here that would name it."""
        self._ahead.stop()

    def complete(self) -> None:
        """Say that everything was added that the trees which were added need."""
        for sent in self._with_trees:
            self._pending.add_trees(digests_of(sent.begun))
            sent.trees, sent.begun = sent.trees + sent.begun, b""
        self._pending.add_trees(self._packs.complete())

    def forget_begun(self) -> None:
        """Never name the trees that were added since the last `complete`: what they need will not come."""
        for sent in self._with_trees:
            sent.begun = b""
        self._packs.forget_begun()

    def flush(self) -> None:
        """Return when everything has arrived, and indexes name it.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
            OSError: the disk is full, or refuses.
        """
        for of_large in (False, True):
            self._close_pack(of_large)
        self._cut(with_trees=True)
        for published in self._published:
            published.result()
        self._published = []
        self._pending.name_trees()

    def give_up(self) -> None:
        """Let an index name those packs that have arrived, as far as that is possible."""
        self._end_threads()
        self._name_arrived()

    def give_up_at_once(self) -> None:
        """As `give_up`, of a user who waits: what is not done in a second is left as it would be by a kill. The next
        push finds the packs that had arrived, and a server has shown no part of others; see `UnderWay`."""
        self._uploads.shutdown(wait=False, cancel_futures=True)
        self._publisher.shutdown(wait=False, cancel_futures=True)
        self._is_left = not (self._under_way.end(PATIENCE) and done_within(PATIENCE, self._name_arrived))

    def _end_threads(self) -> None:
        self._uploads.shutdown(wait=True, cancel_futures=True)
        self._publisher.shutdown(wait=True, cancel_futures=True)

    def _name_arrived(self) -> None:
        with contextlib.suppress(RemoteError):  # that may be why: the first error is the one to hear of
            self.indexes += write_index(self._objects, arrived_alone(self._unpublished))

    def close(self) -> None:
        """End the threads, but for those that were left, and remove what is left on the disk."""
        if not self._is_left:
            self._end_threads()
        for sent in self._unpublished:
            if sent.made is not None and sent.arrives.cancelled():
                sent.made.writer.abandon()
            elif sent.made is not None and self._is_left:
                sent.made.writer.unlink()
        self._packs.close()

    def _close_pack(self, of_large: bool) -> None:
        made = self._packs.take(of_large)
        if made is None:
            return

        def upload() -> PackFile:
            written = self._packs.finish(made)
            try:
                with self._under_way.one():
                    self._remote.put_file(pack_name(written.file.digest), written.path, move=True)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(written.path)
            return written.file

        records, begun, trees = made.take_entries()
        self._send(upload, records, begun, made, trees)

    def _send(
        self,
        upload: Callable[[], PackFile],
        records: bytes,
        begun: bytes,
        made: PackInMaking | None = None,
        trees: bytes = b"",
    ) -> None:
        try:
            self._raise_failures()
            self._slots.acquire()
            arrives = self._uploads.submit(self._upload, upload)
        except BaseException:
            if made is not None:
                made.writer.abandon()
            raise
        self._note(SentPack(records, begun, arrives, made, trees))

    def _note(self, sent: SentPack) -> None:
        """Remember what an index will name, and let one be written where that is enough."""
        self._unpublished.append(sent)
        if sent.made is None:
            self._pending.add_pack(sent)
        self._batch.append(sent)
        if sent.begun or sent.trees:
            self._with_trees.append(sent)
        if (
            len(self._batch) >= _PACKS_AT_ONCE
            or sum(one.count for one in self._batch) >= _RECORDS_AT_ONCE
            or time.monotonic() - self._since >= _SECONDS_AT_MOST
        ):
            self._cut()

    def _put_pack(self, pack: PackFile, path: str) -> None:
        with self._under_way.one():
            self._remote.put_file(pack_name(pack.digest), path)

    def _upload(self, upload: Callable[[], PackFile]) -> PackFile:
        try:
            return upload()
        finally:
            self._slots.release()

    def _raise_failures(self) -> None:
        """Raise what went wrong in a thread."""
        for sent in self._batch:
            if sent.arrives.done():
                sent.arrives.result()
        for published in self._published:
            if published.done():
                published.result()

    def _cut(self, with_trees: bool = False) -> None:
        """Let an index name what was sent since the last one, when it has arrived."""
        batch, self._batch = self._batch, []
        trees: list[SentPack] = []
        if with_trees:
            trees, self._with_trees = self._with_trees, []
        self._since = time.monotonic()
        if len(self._published) >= _INDEXES_AHEAD:
            self._published[-_INDEXES_AHEAD].result()  # else what waits for a slow disk to be named would fill memory
        if batch or trees:
            self._published.append(self._publisher.submit(self._publish, batch, trees))

    def _publish(self, batch: Sequence[SentPack], with_trees: Sequence[SentPack]) -> None:
        with self._under_way.one():
            self._name(batch, with_trees)

    def _name(self, batch: Sequence[SentPack], with_trees: Sequence[SentPack]) -> None:
        for before in self._published:
            if before.done():
                before.result()  # what comes after it may need what could not be named
        named = {sent.arrives.result(): sent.records for sent in batch}
        for sent in with_trees:
            pack = sent.arrives.result()
            named[pack] = named.get(pack, b"") + sent.trees
        self.indexes += write_index(self._objects, named)
        for sent in batch:
            self._unpublished.remove(sent)
            self._pending.name(sent)
            sent.records, sent.made = b"", None  # its trees are left to be named
