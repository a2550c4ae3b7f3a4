"""Large objects put together from their chunks: several at a time, in files that a later fetch goes on with."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from repro.full_disk import naming_the_disk
from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_of, hex_of
from repro.model.progress import Progress
from repro.store.cache.cache import Cache
from repro.store.cache.set_aside import set_aside
from repro.store.files.hashing import hash_descriptor
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import open_temp, pwrite_all, sweep
from repro.store.parallel import Stop, run_all, run_in_order
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.reading import Unread, read_records
from repro.store.storages.errors import CorruptRemoteObject, MissingOnRemote

_CHUNKS_AT_ONCE = 65_536
"""Chunks that are looked for together: some 40 GB, and 30 MB of notes."""

_FILES_AT_ONCE = 64
_LISTS_AHEAD = 2**30
"""Bytes of an object up to which its list is read ahead, with those of others."""

_KEPT = 14 * 24 * 3600.0
"""Seconds after which nobody goes on with what was begun."""


@dataclass(slots=True, eq=False)
class _Partial:
    """A large object in the making. What was there at the beginning is used as far as it is right."""

    ref: ObjectRef
    path: str
    descriptor: int
    begun_before: bool
    fault: CorruptRemoteObject | None = None
    is_missing: bool = False

    def has(self, chunk: Digest, length: int, offset: int) -> bool:
        """Whether the chunk came with an earlier fetch."""
        return self.begun_before and digest_of(os.pread(self.descriptor, length, offset)) == chunk


@dataclass(slots=True)
class _Chunks:
    """Chunks that are wanted, and where they are to be written to: one may be needed several times."""

    lengths: dict[Digest, int] = field(default_factory=dict)
    targets: dict[Digest, list[tuple[_Partial, int]]] = field(default_factory=dict)

    def want(self, chunk: Digest, length: int, partial: _Partial, offset: int) -> None:
        """Note a chunk."""
        self.lengths[chunk] = length
        self.targets.setdefault(chunk, []).append((partial, offset))


class FetchedFiles:
    """Brings large objects into the cache."""

    def __init__(self, cache: Cache, objects: RemoteObjects, jobs: int, told: Progress) -> None:
        """Nothing comes yet. `told` hears the bytes of each chunk."""
        self._cache = cache
        self._objects = objects
        self._jobs = jobs
        self._told = told
        self._folder = os.path.join(cache.root, "partial")
        self.objects = 0
        self.bytes = 0

    def bring(self, wanted: Mapping[Digest, int], unread: Unread) -> None:
        """Bring objects that are lists of chunks on the remote; note in `unread` those that could not be had.

        Raises:
            RemoteError: the remote cannot be reached, or refuses. What has come stays.
            OSError: the disk is full, or refuses.
        """
        if not wanted:
            return
        self._cache.prepare()
        make_folder(self._folder)
        sweep(self._folder, _KEPT)
        refs = iter([ObjectRef(digest, size) for digest, size in wanted.items()])
        while group := list(itertools.islice(refs, _FILES_AT_ONCE)):
            with contextlib.ExitStack() as stack, naming_the_disk(self._folder):
                partials = [self._open(ref, stack) for ref in group]
                self._fill(partials)
                run_all(self._finish, partials, self._jobs)
            for partial in partials:
                if partial.is_missing:
                    unread.missing[partial.ref.digest] = None
                elif partial.fault is not None:
                    unread.faults[partial.ref.digest] = partial.fault

    def _open(self, ref: ObjectRef, stack: contextlib.ExitStack) -> _Partial:
        path = os.path.join(self._folder, hex_of(ref.digest))
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(path, flags, 0o600)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # somebody else brings it at this moment, or another user began to
            descriptor, path = open_temp(os.path.join(self._cache.root, "tmp"))
            stack.callback(os.close, descriptor)
        begun = os.fstat(descriptor).st_size
        if begun > ref.size:
            os.ftruncate(descriptor, ref.size)
        return _Partial(ref, path, descriptor, begun > 0)

    def _fill(self, partials: Sequence[_Partial]) -> None:
        """Write all chunks that are to be had to their places."""
        chunks = _Chunks()
        for partial, parts in self._listed(partials):
            offset = 0
            try:
                for part in parts:
                    for chunk, length in part:
                        if partial.has(chunk, length, offset):
                            self._told.advance(length)
                        else:
                            chunks.want(chunk, length, partial, offset)
                        offset += length
                    if len(chunks.lengths) >= _CHUNKS_AT_ONCE:
                        self._bring(chunks)
                        chunks = _Chunks()
            except CorruptRemoteObject as error:
                partial.fault = error
            except MissingOnRemote:
                partial.is_missing = True
        self._bring(chunks)

    def _listed(self, partials: Sequence[_Partial]) -> Iterator[tuple[_Partial, Iterable[list[tuple[Digest, int]]]]]:
        """Yield each object with the parts of its list, which came ahead where they are short."""

        def read(partial: _Partial, stop: Stop) -> Iterable[list[tuple[Digest, int]]]:
            stop.check()
            parts = self._objects.chunks(partial.ref.digest)
            if partial.ref.size > _LISTS_AHEAD:
                return parts
            try:
                return list(parts)
            except CorruptRemoteObject as error:
                partial.fault = error
            except MissingOnRemote:
                partial.is_missing = True
            return ()

        with contextlib.closing(run_in_order(read, partials, self._jobs)) as lists:
            yield from zip(partials, lists, strict=True)

    def _bring(self, chunks: _Chunks) -> None:
        lock = threading.Lock()

        def take(chunk: Digest, data: bytes) -> None:
            for partial, offset in chunks.targets[chunk]:
                pwrite_all(partial.descriptor, data, offset)
                self._told.advance(len(data))
            with lock:
                self.bytes += len(data)

        if not chunks.lengths:
            return
        unread = read_records(self._objects, chunks.lengths.items(), take, self._jobs)
        for chunk in unread.missing:
            for partial, _ in chunks.targets[chunk]:
                partial.is_missing = True
        for chunk in unread.large:
            for partial, _ in chunks.targets[chunk]:
                partial.fault = CorruptRemoteObject(
                    f"{partial.ref.digest} in {self._objects.shown} is not what its name says: "
                    f"its chunk {chunk} is a list of chunks itself",
                    "nothing was deleted there; push it again from where it is intact",
                )
        for chunk, error in unread.faults.items():
            for partial, _ in chunks.targets[chunk]:
                partial.fault = error

    def _finish(self, partial: _Partial, stop: Stop) -> None:
        """Compare a whole object, and let the cache have it."""
        stop.check()
        if partial.fault is not None or partial.is_missing:
            return
        os.lseek(partial.descriptor, 0, os.SEEK_SET)
        found = hash_descriptor(partial.descriptor, lambda count: stop.check())
        if found != partial.ref:
            kept = set_aside(self._cache.root, partial.path, hex_of(partial.ref.digest))
            partial.fault = CorruptRemoteObject(
                f"{partial.ref.digest} in {self._objects.shown} is not what its name says: "
                f"its chunks make {found.digest} (kept as {kept})",
                "nothing was deleted there; push it again from where it is intact",
            )
            return
        self._cache.adopt(partial.descriptor, partial.path, partial.ref)
        self.objects += 1
