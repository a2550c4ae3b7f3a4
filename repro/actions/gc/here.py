"""Garbage of the store on this machine: what nothing needs, and what happens to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from repro.actions.gc.marks import Marker
from repro.actions.gc.roots import Roots
from repro.model.data.tree import Entry
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.packs.gc_plan import Fate, Garbage, fate_of, in_grace
from repro.model.packs.live_records import LiveRecords, PackUse
from repro.model.packs.pack import HEAD_BYTES, SMALL_LIMIT
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.progress import SILENT, Progress
from repro.store.cache.cache import Cache
from repro.store.cache.discard import StoredFile, discard, leftovers_of, object_files_of, packs_of, take_back
from repro.store.cache.pack_loose import MANY, pack_loose
from repro.store.files.flushing import flush_file
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.one_index import one_index
from repro.store.packs.open_packs import OpenPacks
from repro.store.packs.publish import merge_many, publish_packs
from repro.store.packs.rewrite import NeededRecord, rewrite


def collect_here(
    cache: Cache, roots: Roots, now: float, grace: float, *, delete: bool, told: Progress = SILENT
) -> Garbage:
    """Find what nothing needs, and delete what of it is older than `grace` seconds, if `delete`.

    Args:
        cache: the store.
        roots: what records need.
        now: when it was begun to read them, in seconds since the epoch: ages are those of that moment.
        grace: in seconds.
        delete: change something.
        told: of each object that is needed.

    Raises:
        NeedsUnknown: a tree that is needed is damaged.
        OSError: the disk is full, or refuses.
    """
    if delete:
        take_back(cache.root)
    place = _Here(cache, LiveRecords(_index_of_all(cache.root)))
    Marker(place, told).mark_all(roots.needed)
    work = _Sweep(cache.root, place, now, grace, delete)
    work.files()
    work.packs()
    work.leftovers()
    if delete:
        if len(work.small) >= MANY:
            pack_loose(cache, work.small)
        merge_many(cache.root, PackIndexes(f"{cache.root}/indexes"), most=0)
    return work.found


def _index_of_all(root: str) -> PackIndex:
    """Return an index of everything that is in a pack that is there."""
    packs = OpenPacks(f"{root}/packs")
    indexes = list(PackIndexes(f"{root}/indexes").current().values())
    return one_index(indexes, f"{root}/tmp", lambda pack: packs.get(pack) is not None)


@dataclass(slots=True)
class _Here:
    """The store as a place where garbage is marked."""

    cache: Cache
    live: LiveRecords
    files: set[Digest] = field(default_factory=set)

    @property
    def shown(self) -> str:
        return self.cache.root

    def mark(self, digest: Digest) -> None:
        if not self.live.names(digest):
            self.files.add(digest)
        self.live.mark(digest)

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        return self.cache.read_tree(digest) if self.cache.has(digest) else None

    def loss(self, digest: Digest) -> str | None:
        name = digest[3:]
        aside = leftovers_of(self.cache.root, "quarantine")
        if os.path.exists(f"{self.cache.root}/damaged/{name}") or any(file.name.startswith(name) for file in aside):
            return "it was found damaged, and is no longer there"
        return None

    def needs(self, digest: Digest) -> bool:
        return digest in self.files or self.live.is_needed(digest)


@dataclass(slots=True)
class _Sweep:
    """One pass over the store's files, each of which stays or goes."""

    root: str
    place: _Here
    now: float
    grace: float
    delete: bool
    found: Garbage = field(default_factory=Garbage)
    small: list[StoredFile] = field(default_factory=list)
    """Small objects that are needed, and files of their own."""

    def files(self) -> None:
        """Objects that are files of their own."""
        for file in object_files_of(self.root):
            if self.place.needs(Digest(f"b3:{file.name}")):
                self.found.needed_objects += 1
                self.found.needed_bytes += file.size
                if file.size <= SMALL_LIMIT:
                    self.small.append(file)
            else:
                self._garbage(file)

    def packs(self) -> None:
        """Packs: those that go, and those of which the needed part is written again first."""
        uses = {pack.digest[3:]: (pack, use) for pack, use in self.place.live.uses().items()}
        rewritten: dict[PackFile, tuple[StoredFile, PackUse]] = {}
        self.found.needed_objects += self.place.live.count()
        for file in packs_of(self.root):
            pack, use = uses.get(file.name, (None, None))
            if pack is None or use is None:
                self._tell_unindexed(file)
                continue
            self.found.needed_bytes += use.live
            fate = fate_of(use)
            if fate is Fate.DROP:
                self._garbage(file)
            elif fate is Fate.REWRITE and not in_grace(file.used, self.now, self.grace):
                rewritten[pack] = file, use
            else:
                self.found.garbage_bytes += use.dead
        self._rewrite(rewritten)

    def leftovers(self) -> None:
        """What was begun and never finished, and marks that tell of use long ago."""
        for folder in ("partial", "used"):
            for file in leftovers_of(self.root, folder):
                if not in_grace(file.used, self.now, self.grace):
                    self.found.garbage_bytes += file.size
                    self.found.deletable_bytes += file.size
                    if self.delete:
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(file.path)
                            self.found.deleted_bytes += file.size

    def _garbage(self, file: StoredFile) -> None:
        self.found.garbage_bytes += file.size
        if in_grace(file.used, self.now, self.grace):
            return
        self.found.deletable_bytes += file.size
        if self.delete and discard(self.root, file):
            self.found.deleted_bytes += file.size

    def _tell_unindexed(self, file: StoredFile) -> None:
        if not in_grace(file.used, self.now, self.grace):
            detail = "is a pack that no index names, so it stays"
            hint = "`repro fsck --repair` makes the index again; a later gc can then tell"
            self.found.findings.append(Finding("unindexed-pack", detail, file.path, hint=hint))

    def _rewrite(self, packs: dict[PackFile, tuple[StoredFile, PackUse]]) -> None:
        self.found.garbage_bytes += sum(use.dead for _, use in packs.values())
        self.found.deletable_bytes += sum(use.dead for _, use in packs.values())
        if not self.delete or not packs:
            return
        needed = _records(self.root, self.place.live.needed_in(packs))
        written, damaged = rewrite(f"{self.root}/tmp", needed)
        for new in written:
            flush_file(new.path)
        publish_packs(self.root, written)
        for pack, error in damaged.items():
            hint = "`repro fsck --repair` mends it"
            self.found.findings.append(Finding("corrupt-object", error.message, packs.pop(pack)[0].path, hint=hint))
        for file, use in packs.values():
            if discard(self.root, file):
                self.found.deleted_bytes += use.dead


def _records(root: str, needed: Iterable[tuple[Digest, Place]]) -> Iterator[NeededRecord]:
    packs = OpenPacks(f"{root}/packs")
    for digest, place in needed:
        pack = packs.get(place.pack)
        length = HEAD_BYTES + place.stored
        yield digest, place, os.pread(pack.descriptor, length, place.offset) if pack else b""
