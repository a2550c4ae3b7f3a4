"""Packs of the cache of which all is wanted, compared with their names while the rest is still looked up."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from repro.model.digest import Digest, hex_of
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER
from repro.model.packs.pack_index_format import PackFile, Place
from repro.store.files.hashing import finish, new_hasher
from repro.store.files.reused_memory import ReusedMemory

_AT_ONCE = 16 * 1024 * 1024
"""Bytes that are read and hashed at a time: between any two calls, this waits for the thread that looks up the rest."""


class ComparedPacks:
    """Hears what is wanted, and says which packs are what their names say. `close` ends its thread."""

    def __init__(self, root: str, then: Callable[[PackFile, str], None] = lambda pack, path: None) -> None:
        """Compare nothing yet.

        Args:
            root: the cache's folder.
            then: called in the thread with a pack and its file, when all of it is wanted and it is what its name says.
        """
        self._root = root
        self._then = then
        self._wanted: dict[Digest, int] = {}
        self._found: dict[Digest, Future[bool]] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._memory = ReusedMemory(_AT_ONCE)

    def want(self, place: Place) -> None:
        """Hear that a record is wanted that was not wanted before; with the last of a pack, its bytes are read."""
        pack = place.pack
        known = self._wanted.get(pack.digest, len(PACK_HEADER)) + HEAD_BYTES + place.stored
        self._wanted[pack.digest] = known
        if known == pack.length and pack.digest not in self._found:
            self._found[pack.digest] = self._begun(pack, self._then)

    def begin_again(self) -> None:
        """Forget what is wanted; what was compared is known still."""
        self._wanted = {}

    def begun(self) -> tuple[Digest, ...]:
        """Return the packs that are compared and nobody has asked for yet, in the order in which that was begun."""
        return tuple(self._found)

    def is_intact(self, pack: PackFile) -> bool:
        """Whether a pack is there and what its name says.

        Raises:
            OSError: it cannot be read.
        """
        found = self._found.pop(pack.digest, None)
        return (found or self._begun(pack, lambda pack, path: None)).result()

    def close(self) -> None:
        """Compare nothing more."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True, cancel_futures=True)

    def _begun(self, pack: PackFile, then: Callable[[PackFile, str], None]) -> Future[bool]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "repro-compare")
        return self._thread.submit(self._compare_and_tell, pack, then)

    def _compare_and_tell(self, pack: PackFile, then: Callable[[PackFile, str], None]) -> bool:
        path = f"{self._root}/packs/{hex_of(pack.digest)}"
        is_intact = self._compare(pack, path)
        if is_intact:
            then(pack, path)
        return is_intact

    def _compare(self, pack: PackFile, path: str) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        hasher, length = new_hasher(on_all_cores=True), 0
        try:
            with memoryview(self._memory.take()) as buffer:
                while count := os.readv(descriptor, [buffer]):
                    hasher.update(buffer[:count])
                    length += count
        finally:
            os.close(descriptor)
        return (finish(hasher), length) == (pack.digest, pack.length)
