"""Reading what is given out over HTTP: a file as one stream, or a range of it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod

from repro.store.storages.http_connections import http_errors
from repro.store.storages.storage import Stream, StreamReader, read_all


class HttpReads(ABC):
    """The part of a `Storage` that reads files, by requests of which each gives a stream."""

    @abstractmethod
    def _get(self, name: str, offset: int, last: int | None = None) -> Stream:
        """Return the stream of the bytes from `offset` on, up to and with the byte `last`.

        Raises:
            FileNotFoundError, PlaceRefuses, ConnectionError: as `storages.storage.Storage` has them.
        """

    def open(self, name: str) -> StreamReader:
        """Return a reader of one answer's stream."""
        return StreamReader(lambda offset: self._get(name, offset), http_errors)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes of a range, by one request."""
        if length <= 0:
            return b""
        with contextlib.closing(self._get(name, offset, offset + length - 1)) as stream, http_errors():
            return read_all(stream, length)
