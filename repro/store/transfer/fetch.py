"""From a remote to the cache: what is missing here comes by pack, and is verified before it can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock

from repro.model.data.content import Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry
from repro.model.digest import Digest, digest_from, raw_of
from repro.model.packs.digest_table import DigestLines, DigestTable
from repro.model.packs.pack_index_batches import BATCH
from repro.model.progress import SILENT, Progress
from repro.store.cache.cache import Cache, CorruptObject
from repro.store.cache.reached import Root, check_size, is_first
from repro.store.remote.objects import JOBS, RemoteObjects
from repro.store.remote.reading import Unread, read_records
from repro.store.storages.errors import MissingOnRemote
from repro.store.transfer.fetched_files import FetchedFiles
from repro.store.transfer.fetched_packs import CameAlong, FetchedPacks
from repro.store.transfer.transferred import Transferred

_TELL_EVERY = 1000
"""Files of one directory after which is told how many were found; else it is told after each directory."""


class Fetch:
    """Brings objects of one remote into the cache."""

    def __init__(self, cache: Cache, objects: RemoteObjects, jobs: int = JOBS, progress: Progress = SILENT) -> None:
        """Nothing comes yet.

        Args:
            cache: where the objects go.
            objects: where they come from.
            jobs: requests at a time.
            progress: told the bytes that came.
        """
        self._cache = cache
        self._objects = objects
        self._jobs = jobs
        self._told = progress
        self._unread = Unread()
        self._along = CameAlong()
        self._brought = Transferred()
        self._found = self._found_bytes = 0

    def bring(self, roots: Sequence[Root], *, files: bool = True) -> Transferred:
        """Bring what the roots need, as far as it is not here; call `cache.flush()` before relying on it.

        Args:
            roots: contents and objects.
            files: whether more than trees is to come.

        Raises:
            MissingOnRemote: objects are neither here nor there; all others were brought.
            CorruptRemoteObject: the remote has other bytes under an object's name; likewise.
            BadTree, WrongSize, SizeLie, UnsafePath: a tree is malformed, too deep, or lies about sizes.
            RemoteError: the remote cannot be reached, or refuses. What was brought stays.
        """
        self._bring(self._lacking(roots, files))
        if self._unread.missing and self._objects.look_again():
            # A gc has put them into other packs since the remote was listed.
            self._unread = Unread()
            self._bring(self._lacking(roots, files))
        for error in self._unread.faults.values():
            raise error
        if self._unread.missing:
            raise MissingOnRemote(self._objects.shown, tuple(self._unread.missing))
        brought, self._brought = self._brought, Transferred()
        return brought

    def _lacking(self, roots: Sequence[Root], files: bool) -> Iterator[tuple[Digest, int]]:
        """Bring trees level by level, since what is in one is known when it is here; yield the files that are not."""
        seen, level, met = DigestTable(), DigestLines(), dict[bytes, int]()
        for ref in self._taken(roots, seen, level):
            if files:
                yield from self._met(met, ref)
        for _ in range(MAX_DEPTH + 1):
            if not level:
                break
            self._bring((digest, None) for digest, _ in _named(level) if not self._has_sound_tree(digest))
            below = DigestLines()
            for digest, declared in _named(level):
                entries = self._tree_here(digest)
                if entries is None:
                    continue
                check_size(digest, declared, entries)
                for ref in self._taken([entry.content for entry in entries], seen, below):
                    if files:
                        yield from self._met(met, ref)
            yield from self._not_here(met)
            level = below
        for digest, _ in _named(level):
            raise BadTree(f"the directory {digest} is nested deeper than {MAX_DEPTH} levels")
        yield from self._not_here(met)

    def _met(self, met: dict[bytes, int], ref: ObjectRef) -> Iterator[tuple[Digest, int]]:
        """Note a file in `met`; yield what of that is to come, where it is enough to be looked up together."""
        raw = raw_of(ref.digest)
        if len(met) >= BATCH or met.get(raw, ref.size) != ref.size:
            yield from self._not_here(met)
        met[raw] = ref.size

    def _not_here(self, met: dict[bytes, int]) -> Iterator[tuple[Digest, int]]:
        """Yield those files that are not here, and forget all."""
        for raw, size in list(self._cache.sizes_of(sorted(met))):
            if met[raw] == size:
                del met[raw]
                if self._along.is_asked_for(raw):
                    self._brought += Transferred(1, size)
        for raw, size in met.items():
            self._find(size)
            yield digest_from(raw), size
        met.clear()
        self._tell_found()

    def _find(self, size: int) -> None:
        """Count a file that is to come."""
        self._found += 1
        self._found_bytes += size
        if not self._found % _TELL_EVERY:
            self._tell_found()

    def _tell_found(self) -> None:
        """Say how much is to come as far as it was looked for: with a million files that takes a while."""
        self._told.total(self._found_bytes, self._found)
        self._told.advance(0)

    def _taken(self, contents: Sequence[Root], seen: DigestTable, level: DigestLines) -> Iterator[ObjectRef]:
        """Note the trees that are new in `level`; yield the files."""
        for content in contents:
            if content.digest is None:
                continue
            if isinstance(content, ObjectRef) or content.kind is not Kind.DIRECTORY:
                yield ObjectRef(content.digest, content.size)
            elif is_first(seen, content.digest, content.size):
                level.add(raw_of(content.digest), content.size)

    def _tree_here(self, digest: Digest) -> tuple[Entry, ...] | None:
        if digest in self._unread.missing or digest in self._unread.faults:
            return None
        return self._cache.read_tree(digest)

    def _has_sound_tree(self, digest: Digest) -> bool:
        """Whether the tree is here and intact; a damaged one is fetched again."""
        size = self._cache.size(digest)
        if size is None:
            return False
        try:
            self._cache.verify(ObjectRef(digest, size))
        except CorruptObject:
            return False
        return True

    def _bring(self, wanted: Iterable[tuple[Digest, int | None]]) -> None:
        packs = FetchedPacks(self._cache, self._objects, self._told, self._along)
        lock = Lock()
        count = size = 0

        def take(digest: Digest, data: bytes) -> None:
            nonlocal count, size
            batch.add_bytes(data)
            self._told.advance(len(data), 1)
            with lock:
                count += 1
                size += len(data)

        with self._cache.batch() as batch:
            try:
                unread = read_records(self._objects, wanted, take, self._jobs, packs.take)
            finally:
                packs.finish()
        large = FetchedFiles(self._cache, self._objects, self._jobs, self._told)
        large.bring(unread.large, unread)
        self._unread.missing |= unread.missing
        self._unread.faults |= unread.faults
        self._brought += Transferred(count + packs.objects + large.objects, size + packs.bytes + large.bytes)


def _named(level: DigestLines) -> Iterator[tuple[Digest, int]]:
    return ((digest_from(raw), size) for raw, size, _ in level)
