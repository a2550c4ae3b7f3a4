"""A remote: immutable files under checked names, behind a directory or a URL.

The contract is `docs/reference/remote.md`. What a place can do is `storages.storage.Storage`; here is what is
the same for all of them: names, the marker, retries, and which failure is which error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from repro.errors import IntegrityError
from repro.store.files.hashing import BLOCK
from repro.store.files.temp_files import write_all
from repro.store.remote.marker import MARK, MARK_LIMIT, check_mark
from repro.store.remote.names import MARKER, check_remote_name, is_content_name, is_remote_name
from repro.store.remote.reaching import reaching
from repro.store.storages.errors import (
    NotARemote,
    NotOnRemote,
    RemoteConflict,
    RemoteListsNothing,
    RemoteUnreachable,
    TooLong,
)
from repro.store.storages.retries import pause, with_retries
from repro.store.storages.storage import ListsNothing, Storage, StoredFile, Unfinished, read_all

T = TypeVar("T")

_NOT_FILES = {"lost+found"}  # what a fresh disk holds


class Remote:
    """The files under one place. Safe to be used by several threads."""

    def __init__(self, storage: Storage, shown: str) -> None:
        """Take a place; nothing is asked of it yet. `shown` is the URL without credentials."""
        self._storage = storage
        self._checked = False
        self.shown = shown

    def prepare(self) -> None:
        """Make the remote where there is none; everything that writes calls it.

        Raises:
            NotARemote: the place is a file, or holds other files and no marker.
            NewerFormat: a newer repro made it.
            RemoteError: it cannot be reached, or refuses.
        """
        if self._checked:
            return
        self._refuse_a_file()
        if not self._check_marker():
            with self._reaching("listing it"):
                others = [name for name in with_retries(self._storage.top_names) if name not in _NOT_FILES]
            if others:
                raise NotARemote(
                    f"{self.shown} is not empty and is no remote of repro (it holds {', '.join(others[:3])})",
                    "name an empty or a new folder",
                )
            with self._reaching("writing to it", writing=True):
                with_retries(lambda: self._storage.put_bytes(MARKER, MARK))
        self._checked = True

    def workshop(self) -> str | None:
        """Return a folder where a file can be made that `put_file(…, move=True)` renames into its place, or None.

        Raises: as `prepare`.
        """
        self.prepare()
        with self._reaching("making a folder for files that are being made", writing=True):
            return with_retries(self._storage.workshop)

    def put_file(self, name: str, path: str, replace: bool = False, move: bool = False) -> bool:
        """Store a local file under a name that its content has; return whether it had to be sent.

        Args:
            name: a checked name.
            path: the file.
            replace: write also over a file of the same length, whose bytes are wrong.
            move: the local file is gone afterwards, sent or not.

        Raises:
            RemoteError: it cannot be reached, or refuses; nothing stands under the name then.
            OSError: the local file cannot be read.
        """
        check_remote_name(name)
        self.prepare()
        if not replace and self._size(name) == os.stat(path).st_size:
            if move:
                os.unlink(path)
            return False
        with self._reaching(f"writing {name}", writing=True):
            with_retries(lambda: self._storage.put_file(name, path, move))
        return True

    def put_bytes(self, name: str, data: bytes, replace: bool = False) -> bool:
        """Store bytes under a name; return whether they had to be sent.

        Args:
            name: a checked name.
            data: the file.
            replace: write over other bytes (never needed for what is immutable).

        Raises:
            RemoteConflict: other bytes are there, and the name is not an object's.
            RemoteError: it cannot be reached, or refuses.
        """
        check_remote_name(name)
        self.prepare()
        size = self._size(name)
        if size == len(data) and self._reads_as(name, data):
            return False
        if size is not None and not replace and not is_content_name(name):
            raise RemoteConflict(f"{self.shown} has another {name}, and what is stored there does not change")
        if not is_content_name(name):
            self.flush()  # a record must not survive a power cut that what it names does not
        with self._reaching(f"writing {name}", writing=True):
            with_retries(lambda: self._storage.put_bytes(name, data))
        return True

    def size(self, name: str) -> int | None:
        """Return the length in bytes; None only if the remote says that it has no such file.

        Raises:
            RemoteError: it cannot be reached, refuses, or is no remote.
        """
        check_remote_name(name)
        self._require()
        return self._size(name)

    def read(self, name: str, limit: int) -> bytes:
        """Return a small file's bytes, which are not verified.

        Raises:
            NotOnRemote: it is not there.
            TooLong: it has more than `limit` bytes.
            RemoteError: the remote cannot be reached, refuses, or is no remote.
        """
        return b"".join(self._blocks(check_remote_name(name), limit))

    def get_to(self, name: str, descriptor: int, limit: int, progress: Callable[[int], None] | None = None) -> None:
        """Write a file's bytes, which are not verified, to an open file; errors as `read`.

        Args:
            name: a checked name.
            descriptor: open for writing.
            limit: the most bytes that are written.
            progress: told the bytes of each block.
        """
        for block in self._blocks(check_remote_name(name), limit):
            write_all(descriptor, block)
            if progress:
                progress(len(block))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes from `offset` on, `length` of them or as many as the file has, by one request.

        They are not verified. Nothing comes of a range beyond the end.

        Raises:
            NotOnRemote: the file is not there.
            RemoteError: the remote cannot be reached, refuses, or is no remote.
        """
        check_remote_name(name)
        self._require()
        try:
            with self._reaching(f"reading {name}"):
                return with_retries(lambda: self._storage.read_range(name, offset, length))
        except FileNotFoundError:
            raise NotOnRemote(f"{self.shown} does not have {name}") from None

    def entries(self, prefix: str) -> list[StoredFile]:
        """Return the files below the folder `prefix`, at any depth, sorted by name.

        Raises:
            RemoteListsNothing: it gives files by name only.
            RemoteError: the remote cannot be reached, refuses, or is no remote.
        """
        check_remote_name(prefix)
        self._require()
        try:
            with self._reaching(f"listing {prefix}"):
                found = with_retries(lambda: self._storage.entries_below(prefix))
        except ListsNothing as error:
            raise RemoteListsNothing(f"{self.shown} cannot be asked what it has: {error}") from error
        return sorted((entry for entry in found if is_remote_name(entry.name)), key=lambda entry: entry.name)

    def list(self, prefix: str) -> list[str]:
        """Return the names below the folder `prefix`, at any depth, sorted; errors as `entries`."""
        return [entry.name for entry in self.entries(prefix)]

    def delete(self, name: str) -> None:
        """Remove a file. What is not there is no error.

        Raises:
            RemoteError: the remote cannot be reached, refuses, or is no remote.
        """
        check_remote_name(name)
        self._require()
        with self._reaching(f"deleting {name}", writing=True):
            with_retries(lambda: self._storage.delete(name))

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Return what uploads that are under way, or were killed, have left there.

        Raises:
            RemoteError: the remote cannot be reached, refuses, or is no remote.
        """
        self._require()
        with self._reaching("looking for unfinished uploads", writing=True):
            return tuple(with_retries(self._storage.unfinished))

    def drop(self, unfinished: Unfinished) -> None:
        """Remove what an upload has left; errors as `unfinished`."""
        with self._reaching(f"removing the unfinished upload of {unfinished.name}", writing=True):
            with_retries(lambda: self._storage.drop(unfinished))

    def flush(self) -> None:
        """Return when what was written would survive a power cut."""
        with self._reaching("flushing it"):
            with_retries(self._storage.flush)

    def _reads_as(self, name: str, data: bytes) -> bool:
        """Whether a file has these bytes; one that does not decrypt has others."""
        try:
            return self.read(name, len(data)) == data
        except IntegrityError:
            return False

    def _size(self, name: str) -> int | None:
        try:
            with self._reaching(f"looking for {name}"):
                return with_retries(lambda: self._storage.size(name))
        except FileNotFoundError:
            return None

    def _blocks(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield the bytes, going on where a connection was lost."""
        self._require()
        passed = 0
        failures = 0
        while True:
            try:
                with self._reaching(f"reading {name}"), self._storage.open(name) as file:
                    if passed:
                        file.seek(passed)
                    while block := file.read(min(BLOCK, limit - passed + 1)):  # one more: to see that there is more
                        passed += len(block)
                        if passed > limit:
                            raise TooLong(f"{name} in {self.shown} has more than the {limit} bytes it should have")
                        failures = 0
                        yield block
                return
            except FileNotFoundError:
                raise NotOnRemote(f"{self.shown} does not have {name}") from None
            except RemoteUnreachable:
                failures += 1
                if not pause(failures):
                    raise

    def _require(self) -> None:
        """Refuse to read from a place that is no remote: a disk that is not mounted is not an empty remote."""
        if self._checked:
            return
        self._refuse_a_file()
        if not self._check_marker():
            raise NotARemote(
                f"there is no remote at {self.shown}: it has no file {MARKER}",
                "check the address, and whether the disk is mounted; `repro push` makes a new remote",
            )
        self._checked = True

    def _refuse_a_file(self) -> None:
        with self._reaching("looking at it"):
            is_file = with_retries(self._storage.is_file)
        if is_file:
            raise NotARemote(f"the remote {self.shown} is a file", "name a folder")

    def _check_marker(self) -> bool:
        try:
            with self._reaching(f"reading {MARKER}"):
                data = with_retries(self._read_marker)
        except FileNotFoundError:
            return False
        check_mark(data, self.shown)
        return True

    def _read_marker(self) -> bytes:
        with self._storage.open(MARKER) as file:
            return read_all(file, MARK_LIMIT)

    def _reaching(self, doing: str, writing: bool = False) -> AbstractContextManager[None]:
        return reaching(self.shown, doing, writing)
