"""Objects that are files of their own in the cache: `objects/ab/<62 hex>`, read-only, named by their digests.

A work tree may be linked to one of at least `LINK_FROM` bytes, so somebody may have written through the link.
"""

from __future__ import annotations

import contextlib
import os
import time

from repro.model.data.content import ObjectRef
from repro.model.data.links import LINK_FROM
from repro.model.digest import Digest
from repro.store.cache.freshness import FRESH, Freshness
from repro.store.cache.set_aside import set_aside
from repro.store.files.flushing import flush_files
from repro.store.files.hashing import hash_file
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file, write_all
from repro.store.object_faults import CorruptObject, SizeLie

_LISTED = 256
"""Files of one folder that are listed to know what is not there; of more, each is asked for."""


class LooseObjects:
    """Finds and names the files."""

    def __init__(self, root: str, freshness: Freshness) -> None:
        """Take the cache's folder."""
        self._root = root
        self._freshness = freshness
        self._unflushed: set[str] = set()
        self._listed: dict[str, frozenset[str] | None] = {}

    def path_of(self, digest: Digest) -> str:
        """Return where an object's file is, or would be."""
        return f"{self._root}/objects/{digest[3:5]}/{digest[5:]}"

    def status(self, digest: Digest) -> os.stat_result | None:
        """Return what `stat` says of an object's file, None where there is none."""
        try:
            return os.stat(self.path_of(digest))
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> int | None:
        """Return a descriptor to read an object from, None where it has no file."""
        try:
            return os.open(self.path_of(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def is_intact(self, ref: ObjectRef, status: os.stat_result) -> bool:
        """Whether an object may stand for bytes that are then given up: one that may be linked is read, of a small
        one the length will do."""
        if status.st_size != ref.size:
            return False
        return ref.size < LINK_FROM or hash_file(self.path_of(ref.digest)) == ref

    def keep(self, digest: Digest) -> bool:
        """Tell a gc that an object is used; return whether it is there.

        What another process put there just now may be overlooked: then it is stored twice, and that is all.
        """
        found = self._found(digest)
        return found is not None and self._keep(digest, found)

    def keep_intact(self, ref: ObjectRef) -> bool:
        """As `keep`, for an object that is to stand for bytes: a file of other bytes is none."""
        found = self._found(ref.digest)
        if found is None:
            return False
        if self.is_intact(ref, found):
            return self._keep(ref.digest, found)
        # A wrong length is what a power cut leaves of a file that was never flushed: it is written again.
        if ref.size >= LINK_FROM:
            self.set_aside(ref.digest)  # what was written through a link may be somebody's only copy
        return False

    def store(self, data: bytes, ref: ObjectRef) -> None:
        """Write an object's file.

        Raises:
            OSError: the disk is full, or refuses; nothing is left behind.
        """
        with temp_file(f"{self._root}/tmp") as (temp, path):
            write_all(temp, data)
            self.publish(temp, path, ref.digest)

    def publish(self, temp: int, temp_path: str, digest: Digest, *, is_waited_for: bool = True) -> None:
        """Give a complete temporary file its name; `flush` waits for it, unless a record says that nobody did."""
        path = self.path_of(digest)
        self._listed.pop(digest[3:5], None)
        os.fchmod(temp, 0o444)
        try:
            os.rename(temp_path, path)
        except FileNotFoundError:
            make_folder(os.path.dirname(path))
            os.rename(temp_path, path)
        if is_waited_for:
            self._unflushed.add(path)

    def take_over(self, descriptor: int, digest: Digest) -> None:
        """Make an open, read-only file an object's file, by a second name for it.

        Raises:
            OSError: no link can be made from where it is.
        """
        path = self.path_of(digest)
        self._listed.pop(digest[3:5], None)
        make_folder(os.path.dirname(path))
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # By the descriptor, not by a name: what was hashed is what is linked. A folder is given, as Python follows
            # the link in /proc only then.
            with contextlib.suppress(FileExistsError):
                os.link(f"/proc/self/fd/{descriptor}", os.path.basename(path), dst_dir_fd=folder)
        finally:
            os.close(folder)
        self._unflushed.add(path)

    def set_aside(self, digest: Digest) -> str:
        """Move an object's file to `quarantine/`, and return where it is now."""
        return set_aside(self._root, self.path_of(digest), digest[3:])

    def check(self, ref: ObjectRef, found: ObjectRef) -> None:
        """Compare what was read from an object's file with what it must be; a damaged one is set aside.

        Raises:
            CorruptObject, SizeLie: it is something else.
        """
        if found == ref:
            return
        if found.digest == ref.digest:
            raise SizeLie(f"the object {ref.digest} has {found.size} bytes where {ref.size} were declared")
        kept = self.set_aside(ref.digest)
        path = self.path_of(ref.digest)
        raise CorruptObject(
            f"the object {ref.digest} is damaged: {path} has {found.size} bytes of {found.digest} (moved to {kept})",
            "get it again with: repro fetch",
        )

    def flush(self) -> None:
        """Put on disk what was named, or relied on, since the last time."""
        paths, self._unflushed = self._unflushed, set()
        flush_files(paths, f"{self._root}/objects")

    def _found(self, digest: Digest) -> os.stat_result | None:
        """As `status`; most of what is not there is known from one look at its folder."""
        prefix = digest[3:5]
        if prefix not in self._listed:
            self._listed[prefix] = self._list(prefix)
        names = self._listed[prefix]
        return None if names is not None and digest[5:] not in names else self.status(digest)

    def _list(self, prefix: str) -> frozenset[str] | None:
        names: set[str] = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(f"{self._root}/objects/{prefix}") as entries:
            for entry in entries:
                if len(names) == _LISTED:
                    return None
                names.add(entry.name)
        return frozenset(names)

    def _keep(self, digest: Digest, found: os.stat_result) -> bool:
        path = self.path_of(digest)
        if found.st_mtime > time.time() - FRESH:
            self._unflushed.add(path)  # another process may have added it without flushing it yet
        if found.st_size < LINK_FROM:
            return self._freshness.touch(path, found.st_mtime)
        self._freshness.mark(path, found.st_mtime)
        return self.status(digest) is not None  # a gc that did not see the mark has taken it
