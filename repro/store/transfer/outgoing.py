"""Records on their way to a remote: put together to packs, sent several at a time, and named by an index.

An index never names a tree, nor a chunk list, before everything that it needs is named: trees wait for `flush`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from repro.errors import RemoteError
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import PACK_RECORDS, PACK_SIZE, RecordKind
from repro.model.packs.pack_index import PackFile
from repro.model.packs.pack_index_writing import encode_entries
from repro.model.packs.pack_places import place_bytes
from repro.store.packs.records import Packed
from repro.store.packs.spots import Spot
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.transfer.in_making import PackInMaking, PacksInMaking
from repro.store.transfer.sent_packs import SentAhead, SentPack

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
        self._pending: dict[Digest, RecordKind] = {}
        self._unpublished: list[SentPack] = []
        self._batch: list[SentPack] = []
        self._with_trees: list[SentPack] = []
        self._complete: set[Digest] = set()
        self._begun: list[Digest] = []
        self._published: list[Future[None]] = []
        self._since = time.monotonic()
        self.indexes = 0
        """How many indexes were written."""

    def may_name(self, pack: PackFile) -> bool:
        """Whether a pack may come to the remote under this name: not if that is to be deleted."""
        return pack_name(pack.digest) not in self._objects.condemned

    def kind_of(self, digest: Digest) -> RecordKind | None:
        """Return what an object's record is, on the remote or on its way there; None where it is neither."""
        kind = self._pending.get(digest)  # first: what leaves here is on the remote by then
        if kind is None:
            place = self._objects.find(digest)
            kind = None if place is None else place.kind
        return kind

    def is_pending(self, digest: Digest) -> bool:
        """Whether an object is on its way, and no index names it yet."""
        return digest in self._pending

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
        self._pending[digest] = packed.kind
        if is_tree:
            self._begun.append(digest)
        if pack.writer.length >= PACK_SIZE or pack.writer.records >= PACK_RECORDS:
            self._close_pack(of_large)

    def send_pack(
        self, pack: PackFile, path: str, spots: Mapping[Digest, Spot], trees: set[Digest], told: Callable[[], None]
    ) -> None:
        """Send a pack of this machine as it is; errors as `add`.

        Args:
            pack: what the file is, compared just now.
            path: where it is.
            spots: what in it is wanted.
            trees: those of them that are trees.
            told: called when it has arrived.
        """
        self._pending.update((digest, spot[3]) for digest, spot in spots.items())
        self._begun += trees
        arrives = self._ahead.take(pack, told)
        if arrives is not None:
            self._raise_failures()
            self._note(SentPack(spots, trees, arrives))
            return

        def upload() -> PackFile:
            self._put_pack(pack, path)
            told()
            return pack

        self._send(upload, spots, trees)

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
        self._complete.update(self._begun)
        self._begun = []

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

    def give_up(self) -> None:
        """Let an index name those packs that have arrived, as far as that is possible."""
        self._uploads.shutdown(wait=True, cancel_futures=True)
        self._publisher.shutdown(wait=True, cancel_futures=True)
        arrived = [sent for sent in self._unpublished if sent.has_arrived]
        spots = {
            sent.arrives.result(): {
                d: spot for d, spot in sent.spots.items() if d not in sent.trees and spot[3] is not _LIST
            }
            for sent in arrived
        }
        with contextlib.suppress(RemoteError):  # that may be why: the first error is the one to hear of
            self._write_index(spots)

    def close(self) -> None:
        """End the threads, and remove what is left on the disk."""
        self._uploads.shutdown(wait=True, cancel_futures=True)
        self._publisher.shutdown(wait=True, cancel_futures=True)
        for sent in self._unpublished:
            if sent.made is not None and sent.arrives.cancelled():
                sent.made.writer.abandon()
        self._packs.close()

    def _close_pack(self, of_large: bool) -> None:
        made = self._packs.take(of_large)
        if made is None:
            return

        def upload() -> PackFile:
            written = self._packs.finish(made)
            try:
                self._remote.put_file(pack_name(written.file.digest), written.path, move=True)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(written.path)
            return written.file

        self._send(upload, made.writer.spots, made.trees, made)

    def _send(
        self,
        upload: Callable[[], PackFile],
        spots: Mapping[Digest, Spot],
        trees: set[Digest],
        made: PackInMaking | None = None,
    ) -> None:
        try:
            self._raise_failures()
            self._slots.acquire()
            arrives = self._uploads.submit(self._upload, upload)
        except BaseException:
            if made is not None:
                made.writer.abandon()
            raise
        self._note(SentPack(spots, trees, arrives, made))

    def _note(self, sent: SentPack) -> None:
        """Remember what an index will name, and let one be written where that is enough."""
        self._unpublished.append(sent)
        self._batch.append(sent)
        if sent.trees:
            self._with_trees.append(sent)
        if (
            len(self._batch) >= _PACKS_AT_ONCE
            or sum(len(one.spots) for one in self._batch) >= _RECORDS_AT_ONCE
            or time.monotonic() - self._since >= _SECONDS_AT_MOST
        ):
            self._cut()

    def _put_pack(self, pack: PackFile, path: str) -> None:
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
        for before in self._published:
            if before.done():
                before.result()  # what comes after it may need what could not be named
        spots = {sent.arrives.result(): {d: s for d, s in sent.spots.items() if d not in sent.trees} for sent in batch}
        for sent in with_trees:
            ready = {digest: sent.spots[digest] for digest in sent.trees if digest in self._complete}
            pack = sent.arrives.result()
            spots[pack] = spots.get(pack, {}) | ready
        self._write_index(spots)
        for sent in batch:
            self._unpublished.remove(sent)
            # What is left to be named; the rest would only fill memory.
            sent.spots, sent.made = {digest: sent.spots[digest] for digest in sent.trees}, None
        for named in spots.values():
            for digest in named:
                self._pending.pop(digest, None)

    def _write_index(self, spots: Mapping[PackFile, Mapping[Digest, Spot]]) -> None:
        packs = [pack for pack, named in spots.items() if named]
        entries = [
            bytes.fromhex(digest[3:]) + place_bytes(position, *spot)
            for position, pack in enumerate(packs)
            for digest, spot in spots[pack].items()
        ]
        if not entries:
            return
        data = encode_entries(packs, entries)
        digest = digest_of(data)
        self._remote.flush()  # an index must not survive a power cut that its packs do not
        self._remote.put_bytes(index_name(digest), data)
        self._objects.published(digest, data, packs)
        self.indexes += 1


_LIST = RecordKind.CHUNKS
