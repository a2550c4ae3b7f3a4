"""Large files of the work tree taken into the cache as they are: hashed once, never copied.

Such a file becomes an object by a hard link, so nobody may write to it any more, and nobody may have been writing while
it was hashed. Before that it is made read-only, and the kernel is asked whether anybody has it open for writing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from repro.model.data.content import ObjectRef
from repro.model.data.links import LINK_FROM
from repro.model.data.objects import Told
from repro.model.digest import Digest
from repro.store.files.mapped_hashing import hash_mapped
from repro.store.files.read_leases import has_writers
from repro.store.files.reflink import reflink
from repro.store.files.temp_files import temp_file

if TYPE_CHECKING:
    from repro.store.cache.batch import Batch
    from repro.store.cache.cache import Cache

_OTHERS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | 0o111  # an object's file has none of these

# What the kernel says where two names cannot have one file: another file system, or mount; none that can; too many.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOENT, errno.ENOSYS}


class AdoptingCache:
    """A cache as a `BatchingSink` whose batches take over large files of the work tree where they can."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which must not be on a file system that makes reflinks for it to matter."""
        self._cache = cache
        self.has = cache.has
        self.recalling = cache.recalling
        self.add_bytes = cache.add_bytes
        self.add_descriptor = cache.add_descriptor

    @contextlib.contextmanager
    def batch(self) -> Iterator[AdoptingBatch]:
        """As `Cache.batch`."""
        with self._cache.batch() as batch:
            yield AdoptingBatch(self._cache, batch)


class AdoptingBatch:
    """A batch that is told before a file is read that it may be taken over: see `AdoptingSink`."""

    def __init__(self, cache: Cache, batch: Batch) -> None:
        """Store through a batch of the cache."""
        self._cache = cache
        self._batch = batch
        self._modes: dict[int, int] = {}
        self._clones: bool | None = None
        self.has = batch.has
        self.add_bytes = batch.add_bytes
        self.share = batch.share

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        """As `Batch.add_descriptor`; what is held is only hashed, and stored by `adopt`."""
        if descriptor in self._modes:
            return hash_mapped(descriptor, told)
        return self._batch.add_descriptor(descriptor, told)

    def hold(self, descriptor: int) -> bool:
        """As `AdoptingSink`."""
        status = os.fstat(descriptor)
        if status.st_size < LINK_FROM or not self._is_ours(status) or self._makes_clones(descriptor):
            return False
        if has_writers(descriptor):
            return False
        os.fchmod(descriptor, 0o444)
        if has_writers(descriptor):  # somebody came just before
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            return False
        self._modes[descriptor] = stat.S_IMODE(status.st_mode)
        return True

    def adopt(self, descriptor: int, ref: ObjectRef) -> bool:
        """As `AdoptingSink`.

        Raises:
            OSError: the disk is full, or refuses.
        """
        if self._cache.knows(ref):
            self.release(descriptor)
            return True
        if self._linked(descriptor, ref.digest):
            del self._modes[descriptor]
            return True
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            return self._cache.store_large(descriptor, b"") == ref
        finally:
            self.release(descriptor)

    def release(self, descriptor: int) -> None:
        """As `AdoptingSink`."""
        os.fchmod(descriptor, self._modes.pop(descriptor))

    def _is_ours(self, status: os.stat_result) -> bool:
        """Whether a file has one name only, is not executable, and belongs to who runs this."""
        plain = stat.S_ISREG(status.st_mode) and not status.st_mode & _OTHERS
        return plain and status.st_nlink == 1 and status.st_uid == os.geteuid()

    def _makes_clones(self, descriptor: int) -> bool:
        """Whether a copy costs nothing anyway, and leaves a file that can be written to."""
        if self._clones is None:
            self._cache.prepare()
            with temp_file(f"{self._cache.root}/tmp") as (temp, _):
                self._clones = reflink(descriptor, temp)
        return self._clones

    def _linked(self, descriptor: int, digest: Digest) -> bool:
        try:
            self._cache.take_over(descriptor, digest)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            return False
        return True
