"""From the cache to a remote: what it lacks is put into packs, and nothing goes twice."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest
from repro.model.packs.pack_index_format import PackFile
from repro.model.progress import SILENT, Progress
from repro.store.cache.cache import Cache, MissingObject
from repro.store.cache.reached import Root
from repro.store.remote.indexes import mend_index_list, write_index_list
from repro.store.remote.objects import JOBS, RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.transfer.compared_packs import ComparedPacks
from repro.store.transfer.looked_up import LookUp, Wanted
from repro.store.transfer.outgoing import Outgoing
from repro.store.transfer.sending import Sending
from repro.store.transfer.transferred import Transferred


class Push:
    """One push to one remote: `send` as often as needed, then `flush`, before whatever names what was sent.

    Where the `with` block ends by an error, what had arrived counts the next time. Ctrl-C ends it at once: threads may
    be left that wait for the remote, for the end of the process to end them.
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
        self._jobs = jobs
        self._starting = threading.Lock()
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
            if isinstance(error, KeyboardInterrupt):
                self._outgoing.give_up_at_once()
            elif error is not None:
                self._outgoing.give_up()
        finally:
            self._outgoing.close()

    def send(self, roots: Sequence[Root]) -> Transferred:
        """Send what the roots need, as far as it is not on the remote; an index names it after `flush`.

        Raises:
            MissingObject: objects are neither here nor there; no index will name anything of these roots. Packs of them
                may have been sent, which the next push finds.
            CorruptObject: an object here is damaged; it was not sent.
            BadTree, WrongSize: a tree is not what it must be.
            RemoteError: the remote cannot be reached, or refuses. What was sent stays and counts next time.
        """
        sent = self._send(roots)
        self._roots += roots
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
        if self._outgoing is None:
            mend_index_list(self._remote)
        self._roots = []

    def _flush_indexes(self) -> None:
        if self._outgoing is None:
            return
        written = self._outgoing.indexes
        self._outgoing.flush()
        if self._outgoing.indexes > written:
            write_index_list(self._remote)

    def _send(self, roots: Sequence[Root]) -> Transferred:
        with contextlib.closing(ComparedPacks(self._cache.root, self._send_ahead)) as compared:
            return self._sent(roots, compared)

    def _send_ahead(self, pack: PackFile, path: str) -> None:
        """Begin to send a pack that is intact, and of which all is wanted; the thread that compares calls it."""
        self._sending().send_ahead(pack, path)

    def _sending(self) -> Outgoing:
        """Return what sends, made where nothing was sent yet.

        Raises:
            RemoteError: the remote cannot be reached, or refuses.
            OSError: the disk here is full, or refuses.
        """
        with self._starting:
            if self._outgoing is None:
                workshop = self._remote.workshop()
                if workshop is None:
                    self._cache.prepare()
                folder = os.path.join(self._cache.root, "tmp")
                self._outgoing = Outgoing(self._objects, workshop, folder, self._jobs)
            return self._outgoing

    def _sent(self, roots: Sequence[Root], compared: ComparedPacks) -> Transferred:
        wanted = self._look(roots, compared)
        while wanted.missing and self._objects.condemned and self._save(wanted.missing):
            compared.begin_again()
            wanted = self._look(roots, compared)
        if wanted.missing:
            compared.close()
            if self._outgoing is not None:
                self._outgoing.stop_ahead()
            count = len(wanted.missing)
            raise MissingObject(
                f"{count} {'object is' if count == 1 else 'objects are'} neither here nor on {self._remote.shown}: "
                f"{', '.join(wanted.missing[:3])}",
                "get them from where they are: repro fetch",
            )
        if not wanted.objects:
            return Transferred()
        outgoing = self._sending()
        self._total += Transferred(wanted.objects, wanted.bytes)
        self._told.total(self._total.bytes, self._total.objects)
        sending = Sending(self._cache, outgoing, wanted, compared, self._told)
        try:
            sending.packs()
            sending.files()
        except BaseException:
            outgoing.forget_begun()
            raise
        outgoing.complete()
        return Transferred(sending.objects, sending.bytes)

    def _save(self, digests: Iterable[Digest]) -> bool:
        """Whether any of these objects could be brought here from packs that are to be deleted."""
        from repro.store.transfer.fetch import Fetch

        there = RemoteObjects(self._remote, self._cache.root, self._jobs)
        sizes = {digest: there.size(digest) for digest in digests}
        refs = [ObjectRef(digest, size) for digest, size in sizes.items() if size is not None]
        return bool(refs) and Fetch(self._cache, there, self._jobs).bring(refs).objects > 0

    def _look(self, roots: Iterable[Root], compared: ComparedPacks) -> Wanted:
        """Find what is to be sent."""
        looking = LookUp(self._cache, self._objects, self._outgoing, compared, self._tell_found, implied=self._implied)
        looking.roots(roots)
        return looking.wanted

    def _tell_found(self, wanted: Wanted) -> None:
        """Say how much is to be sent as far as it was looked for: with a million files that takes a while."""
        self._told.total(self._total.bytes + wanted.bytes, self._total.objects + wanted.objects)
        self._told.advance(0)
