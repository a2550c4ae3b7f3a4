"""Garbage of a remote: what nothing needs is condemned, and deleted a grace period later.

Why two steps: a push that finds an object on the remote relies on it. From the moment that a pack is condemned no push
does (each looks before it publishes a manifest), and of what a push before that moment relied on, the manifest is
there a grace period later: it is written to another pack before the condemned one goes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator

from repro.actions.gc.far_place import FarPlace
from repro.actions.gc.marks import Marker, NeedsUnknown
from repro.actions.gc.roots import Root, Roots, roots_of_remote
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_of
from repro.model.finding import Finding
from repro.model.packs.gc_plan import Fate, Garbage, fate_of, in_grace
from repro.model.packs.live_records import LiveRecords, PackUse
from repro.model.packs.pack import BadPack, head_bytes
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.progress import SILENT, Progress
from repro.store.cache.cache import Cache
from repro.store.files.temp_files import temp_file
from repro.store.packs.merge_indexes import merge_indexes
from repro.store.packs.one_index import one_index
from repro.store.packs.rewrite import NeededRecord, rewrite
from repro.store.packs.series import remove_written
from repro.store.packs.writer import WrittenPack
from repro.store.remote.garbage import Condemnation, PacksThere, clock_of, condemn, condemnations, packs_there
from repro.store.remote.indexes import listed_indexes, mend_index_list, write_index_list
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.storages.errors import MissingOnRemote, NotOnRemote, RemoteRefused

_ATTEMPTS = 4


def collect_far(
    cache: Cache,
    remote: Remote,
    roots: Roots,
    grace: float,
    *,
    delete: bool,
    sure: Callable[[], None],
    told: Progress = SILENT,
) -> Garbage:
    """Find what nothing needs on a remote; if `delete`, condemn it, and delete what was condemned `grace` seconds ago.

    Args:
        cache: trees that are here need not be read from the remote.
        remote: where garbage is collected.
        roots: what projects need; what the remote's records need is added.
        grace: in seconds, by the remote's clock.
        delete: change something.
        sure: raises if it is not known what is needed; asked before anything is changed.
        told: of each object that is needed.

    Raises:
        NeedsUnknown, BadCondemned, CorruptRemoteObject: what is needed cannot be known.
        RemoteError: the remote cannot be reached, refuses, or cannot say what it has.
    """
    unread = len(roots.unread)
    for left in reversed(range(_ATTEMPTS)):
        objects = RemoteObjects(remote, cache.root)
        del roots.unread[unread:]
        try:
            return _collect(cache, objects, roots, grace, delete=delete, sure=sure, told=told)
        except (NeedsUnknown, MissingOnRemote, NotOnRemote):
            if not left or not objects.look_again():
                raise  # else another gc wrote it elsewhere while this one was looking
    raise AssertionError("the last attempt returns or raises")


def _collect(
    cache: Cache,
    objects: RemoteObjects,
    roots: Roots,
    grace: float,
    *,
    delete: bool,
    sure: Callable[[], None],
    told: Progress,
) -> Garbage:
    remote = objects.remote
    if delete:
        sure()
    # Who pushes writes packs, then their index, then the record: who reads in the other order sees all that a record
    # needs. What comes after this moment is of the future, and stays.
    now = clock_of(remote) if delete else time.time()
    recorded = Roots(unread=roots.unread)
    roots_of_remote(remote, recorded)
    if delete:
        sure()
    doomed = {name for one in condemnations(remote) for name in one.packs}
    indexes = list(objects.indexes())
    there = packs_there(remote)
    solid = _index(cache, indexes, there, lambda name: name not in doomed)
    dying = _index(cache, indexes, there, lambda name: name in doomed)
    place = FarPlace(cache, objects, LiveRecords(solid), LiveRecords(dying))
    _mark(Marker(place, told), place, recorded.needed, roots.needed)
    work = _Sweep(cache, remote, place, there, now, grace)
    plan = work.plan()
    if delete:
        work.condemn(plan)
        work.delete([one for one in condemnations(remote) if not in_grace(one.written, now, grace)])
        mend_index_list(remote)
    work.unfinished(delete=delete)
    return work.found


def _mark(marker: Marker, place: FarPlace, recorded: Collection[Root], mine: Collection[Root]) -> None:
    """Mark what the remote's records need, which is there; and what projects here need, which may never have been
    pushed."""
    place.is_complete = True
    marker.mark_all(recorded)
    place.is_complete = False
    marker.mark_all(mine)


def _index(cache: Cache, indexes: list[PackIndex], there: PacksThere, wanted: Callable[[str], bool]) -> PackIndex:
    """Return one index of the packs that are there and wanted."""
    tmp = os.path.join(cache.root, "tmp")
    return one_index(indexes, tmp, lambda pack: pack in there.written and wanted(pack_name(pack.digest)))


@dataclass(slots=True)
class _Plan:
    """What happens to packs: `drop` is not needed at all; of `copy`, what is needed is written again first."""

    drop: list[PackFile] = field(default_factory=list)
    copy: list[PackFile] = field(default_factory=list)
    saved: list[PackFile] = field(default_factory=list)


@dataclass(slots=True)
class _Sweep:
    cache: Cache
    remote: Remote
    place: FarPlace
    there: PacksThere
    now: float
    grace: float
    found: Garbage = field(default_factory=Garbage)

    def plan(self) -> _Plan:
        """Decide, and count. `saved` are condemned packs in which something is needed after all."""
        plan = _Plan()
        solid, dying = self.place.solid.uses(), self.place.dying.uses()
        self.found.needed_objects = self.place.solid.count() + self.place.dying.count()
        self.found.needed_bytes = sum(use.live for use in (*solid.values(), *dying.values()))
        for pack, written in self.there.written.items():
            if pack in dying:
                self._count_dying(pack, dying[pack], plan)
            elif not in_grace(written, self.now, self.grace):
                self._judge(pack, solid.get(pack), plan)
            else:
                self.found.garbage_bytes += solid[pack].dead if pack in solid else pack.length
        return plan

    def _count_dying(self, pack: PackFile, use: PackUse, plan: _Plan) -> None:
        self.found.garbage_bytes += use.length - use.live
        self.found.condemned_bytes += use.length - use.live
        if use.records:
            plan.saved.append(pack)

    def _judge(self, pack: PackFile, use: PackUse | None, plan: _Plan) -> None:
        if use is None:  # a push that never wrote its index; if anything is missing, this may be where it is
            use = PackUse(pack.length, pack.length if self.place.lacks else 0, int(self.place.lacks))
        fate = fate_of(use)
        self.found.garbage_bytes += pack.length if fate is Fate.DROP else use.dead
        if fate is Fate.KEEP:
            return
        self.found.deletable_bytes += pack.length if fate is Fate.DROP else use.dead
        (plan.drop if fate is Fate.DROP else plan.copy).append(pack)

    def condemn(self, plan: _Plan) -> None:
        """Write again what is needed of packs that go, then say that they go."""
        for live, packs in ((self.place.solid, plan.copy), (self.place.dying, plan.saved)):
            if packs:
                self._copy(live, packs)
        going = [*plan.drop, *plan.copy]
        if going:
            self.remote.flush()
            condemn(self.remote, going)
            self.found.condemned_bytes += self.found.deletable_bytes

    def _copy(self, live: LiveRecords, packs: list[PackFile]) -> None:
        folder = self.remote.workshop() or os.path.join(self.cache.root, "tmp")
        written, damaged = rewrite(folder, self._records(live.needed_in(packs)))
        try:
            for error in damaged.values():
                raise error  # it is needed and cannot be copied: the pack has to stay
            copied = {digest for pack in written for digest in pack.spots}
            for digest, place in live.needed_in(packs):
                if digest not in copied:
                    raise self.place.objects.corrupt(digest, place, BadPack("no record begins there"))
            for pack in written:
                self.remote.put_file(pack_name(pack.file.digest), pack.path, move=True)
            self.remote.flush()  # an index must not survive a power cut that its packs do not
            self._publish(written)
        finally:
            remove_written(written)

    def _records(self, needed: Iterable[tuple[Digest, Place]]) -> Iterator[NeededRecord]:
        for pack, group in itertools.groupby(needed, lambda item: item[1].pack):
            wanted = {place.offset: (digest, place) for digest, place in group}
            for offset, head, payload in self.place.objects.records(pack):
                if offset in wanted:
                    yield *wanted[offset], head_bytes(head) + payload

    def _publish(self, written: list[WrittenPack]) -> None:
        entries = {digest: place for number, pack in enumerate(written) for digest, place in pack.places(number)}
        data = encode_index([pack.file for pack in written], entries.items())
        self.remote.put_bytes(index_name(digest_of(data)), data)

    def unfinished(self, *, delete: bool) -> None:
        """What killed uploads left there: nobody goes on with it."""
        try:
            begun = self.remote.unfinished()
        except RemoteRefused as error:  # a bucket may let somebody write, and not see what is being written
            hint = f"{error.hint or ''}; it needs s3:ListBucketMultipartUploads and s3:ListMultipartUploadParts".lstrip(
                "; "
            )
            self.found.findings.append(Finding("unseen-uploads", error.message, self.remote.shown, hint=hint))
            return
        for one in begun:
            self.found.garbage_bytes += one.size
            if not in_grace(one.begun, self.now, self.grace):
                self.found.deletable_bytes += one.size
                if delete:
                    self.remote.drop(one)
                    self.found.deleted_bytes += one.size

    def delete(self, due: list[Condemnation]) -> None:
        """Delete the packs that these condemn, and what indexes say of them."""
        if not due:
            return
        packs = {pack for one in due for pack in one.packs}
        gone = {pack for pack in self.there.written if pack_name(pack.digest) in packs}
        self._forget(gone)
        for pack in gone:
            self.remote.delete(pack_name(pack.digest))
            self.found.deleted_bytes += pack.length
        for one in due:
            self.remote.delete(one.name)
        self.found.condemned_bytes = max(0, self.found.condemned_bytes - self.found.deleted_bytes)

    def _forget(self, gone: Collection[PackFile]) -> None:
        """Replace all indexes by one that does not name packs that go."""
        names = listed_indexes(self.remote)
        indexes = RemoteObjects(self.remote, self.cache.root).indexes()
        tmp = os.path.join(self.cache.root, "tmp")
        with temp_file(tmp) as (descriptor, path):
            digest = merge_indexes(indexes, descriptor, tmp, lambda pack: pack not in gone)
            os.fsync(descriptor)
            self.remote.put_file(index_name(digest), path)
        self.remote.flush()
        write_index_list(self.remote)
        for name in names:
            if name != digest[3:]:
                self.remote.delete(f"indexes/{name}")
        write_index_list(self.remote)
