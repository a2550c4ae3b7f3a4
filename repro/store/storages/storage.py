"""What a place must be able to do to hold a remote. The kinds are its siblings `directory`, `s3` etc."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from repro.model.dataclass import dataclass

CONNECT_TIMEOUT = 15.0
"""Seconds after which an attempt to connect over a network is given up."""

READ_TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as lost."""

CONNECTIONS = 256
"""Connections that a pool keeps open at most: as many as there can be transfers at a time (`--jobs`)."""


class PlaceRefuses(OSError):
    """The place answered, and will not do it however often it is asked. `hint` says what a person can do."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


class ListsNothing(OSError):
    """The place gives files by name, and cannot say which it has."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a place has."""

    name: str
    size: int
    """In bytes."""
    modified: float
    """Seconds since the epoch when it was last written, by the place's clock."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What an upload that is under way, or was killed, has left at a place: nobody sees it, and it takes room."""

    name: str
    """Of the file that holds it, or that it would have become."""
    size: int
    """In bytes."""
    begun: float
    """Seconds since the epoch when it was begun or last written to, by the place's clock."""
    upload: str = ""
    """What the place calls the upload, where it has no file yet."""


class Reader(Protocol):
    """An open file of a place. An open binary file of this machine is one."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only."""
        ...

    def seek(self, offset: int, /) -> int:
        """Read on from `offset`."""
        ...

    def __enter__(self) -> Reader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> object: ...


class Stream(Protocol):
    """The bytes of an answer, once through."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only."""
        ...

    def close(self) -> None:
        """Stop reading, wherever it is."""
        ...


class NothingMore:
    """The stream of a file from its end on."""

    def read(self, size: int, /) -> bytes:
        """Return nothing."""
        return b""

    def close(self) -> None:
        """Nothing is open."""


class StreamReader:
    """A reader of a place that answers with a stream from an offset on; it is asked at the first read."""

    def __init__(
        self, connect: Callable[[int], Stream], translated: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Take how to get the stream, and how the failures of reading it become OSErrors."""
        self._connect = connect
        self._translated = translated
        self._offset = 0
        self._stream: Stream | None = None

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only."""
        if self._stream is None:
            self._stream = self._connect(self._offset)
        with self._translated():
            return self._stream.read(size)

    def seek(self, offset: int, /) -> int:
        """Read on from `offset`; before the first read only."""
        self._offset = offset
        return offset

    def __enter__(self) -> StreamReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()


def check_range(content_range: str | None, first: int, last: int, length: int) -> None:
    """Compare what an answer over HTTP says that it holds with the range that was asked for.

    Args:
        content_range: the answer's header `Content-Range` (RFC 9110, section 14.4).
        first: the first byte that was asked for.
        last: the last one; the file may end before.
        length: the bytes that the answer declares.

    Raises:
        ConnectionError: it is another range, or shorter than the file is there.
    """
    import re

    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", content_range or "")
    if found:
        start, end, total = (int(text) for text in found.groups())
        if start == first and end == min(last, total - 1) and length == end - start + 1:
            return
    raise ConnectionError(f"the bytes {first}-{last} were asked for, and {content_range} came ({length} bytes)")


def read_all(stream: Stream | Reader, most: int) -> bytes:
    """Return what is left of a stream, at most `most` bytes.

    Raises:
        OSError, or what `stream` raises: it breaks off.
    """
    blocks = []
    while most > 0 and (block := stream.read(most)):
        blocks.append(block)
        most -= len(block)
    return b"".join(blocks)


class Storage(Protocol):
    """A place for files under checked names.

    Failures are OSErrors: FileNotFoundError means that the place was reached and has no such file, and
    ConnectionError and TimeoutError mean that the same call may succeed later.
    """

    def is_file(self) -> bool:
        """Whether the place itself is a file, which can hold nothing."""
        ...

    def top_names(self) -> list[str]:
        """Return the names directly under the place, folders too; none where the place does not exist yet."""
        ...

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Write a local file's bytes under `name`: all or nothing, replacing what is there.

        With `move` the local file is gone afterwards, unless an error is raised.
        """
        ...

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write bytes under `name`: all or nothing, replacing what is there."""
        ...

    def open(self, name: str) -> Reader:
        """Return a reader, which may say at its first read only that there is no such file."""
        ...

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes from `offset` on, `length` of them, or as many as there are, by one request.

        Raises:
            ConnectionError: fewer came than the file has.
        """
        ...

    def size(self, name: str) -> int:
        """Return the length in bytes."""
        ...

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return all files under the folder `prefix`, at any depth; none where there is no such folder.

        Files that a write under way, or a killed one, left beside are not among them.

        Raises:
            ListsNothing: the place cannot say.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove a file. What is not there is no error."""
        ...

    def unfinished(self) -> list[Unfinished]:
        """Return what uploads that are under way, or were killed, have left."""
        ...

    def drop(self, unfinished: Unfinished) -> None:
        """Remove what an upload has left. What is not there any more is no error."""
        ...

    def workshop(self) -> str | None:
        """Return a folder of this machine, where files can be made that `put_file` moves without a copy; or None."""
        ...

    def flush(self) -> None:
        """Return when what was written would survive a power cut."""
        ...
