"""What Google's and Azure's stores have in common: files by requests over HTTP, each of which is signed."""

from __future__ import annotations

import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING
from urllib.parse import urlencode

from repro.store.storages.http_connections import PASSING, http_errors, make_pool
from repro.store.storages.http_reads import HttpReads
from repro.store.storages.leaves_nothing import LeavesNothing
from repro.store.storages.storage import NothingMore, PlaceRefuses, Stream, check_range, read_all
from repro.store.storages.upload_sums import md5_of

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Body = bytes | IO[bytes] | Iterable[bytes]

_MOST_SAID = 64 * 1024


class RestStorage(HttpReads, LeavesNothing, ABC):
    """Files under one prefix of a bucket or container."""

    def __init__(self, endpoint: str, prefix: str, environ: Mapping[str, str]) -> None:
        """Take the URL of the service, and what the names of files there begin with; nothing is asked yet."""
        self._endpoint = endpoint.rstrip("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._environ = environ
        self._lock = threading.Lock()
        self._made: PoolManager | None = None

    @abstractmethod
    def _path(self, name: str) -> str:
        """Return the path of a file's URL after the service's, encoded."""

    @abstractmethod
    def _put(self, name: str, body: IO[bytes], size: int, md5: bytes) -> None:
        """Upload a file of `size` bytes with this MD5, and see that it is stored as it was sent.

        Raises:
            PlaceRefuses, ConnectionError: as `storages.storage.Storage` has them; a spoiled file is removed.
        """

    @abstractmethod
    def _sign(self, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        """Add to a request what says who asks.

        Raises:
            PlaceRefuses: there are no credentials, or they cannot be used.
            ConnectionError: whoever gives them out cannot be reached.
        """

    @abstractmethod
    def _meaning(self, answer: BaseHTTPResponse, said: str) -> OSError:
        """Return what a failure means that does not pass by itself."""

    _READ: Mapping[str, str] = {}
    """The query that asks for a file's bytes."""

    def is_file(self) -> bool:
        """Never: a file and a prefix of one name get on with each other."""
        return False

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Upload a file in one request, of which the server compares the checksum."""
        with open(path, "rb") as file:
            self._put(name, file, os.fstat(file.fileno()).st_size, md5_of(file))
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Upload bytes in one request."""
        import hashlib
        import io

        self._put(name, io.BytesIO(data), len(data), hashlib.md5(data, usedforsecurity=False).digest())

    def _get(self, name: str, offset: int, last: int | None = None) -> Stream:
        """Return the stream of the bytes from `offset` on, up to and with the byte `last`."""
        wanted = {"Range": f"bytes={offset}-{'' if last is None else last}"} if offset or last is not None else {}
        answer = self._send("GET", self._path(name), dict(self._READ), wanted)
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        if answer.status == 416 or (total.isdecimal() and int(total) <= offset):  # some servers answer with no bytes
            answer.close()
            return NothingMore()
        try:
            self._require(answer)
            if last is not None:
                length = int(answer.headers.get("Content-Length", -1))
                check_range(answer.headers.get("Content-Range"), offset, last, length)
            elif offset and answer.status != 206:
                raise ConnectionError(f"the bytes from {offset} on were asked for, and all came")
        except BaseException:
            answer.close()
            raise
        return answer

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """Send a request, and yield the answer if it is a good one.

        Raises:
            FileNotFoundError, PlaceRefuses, ConnectionError: as `storages.storage.Storage` has them.
        """
        answer = self._send(method, path, dict(query or {}), dict(headers or {}), body)
        try:
            self._require(answer)
            with http_errors():
                yield answer
                answer.drain_conn()
        finally:
            answer.close()

    def _send(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Body | None = None
    ) -> BaseHTTPResponse:
        self._sign(method, path, query, headers)
        url = f"{self._endpoint}{path}{'?' if query else ''}{urlencode(query)}"
        with http_errors():
            pool = self._pool()
            return pool.request(
                method,
                url,
                body=body,
                headers={**pool.headers, **headers},
                preload_content=False,
                decode_content=False,
                redirect=False,
            )

    def _require(self, answer: BaseHTTPResponse) -> None:
        if 200 <= answer.status < 300:
            return
        with http_errors():
            said = read_all(answer, _MOST_SAID).decode("utf-8", "replace")
        shown = f"HTTP {answer.status} {answer.reason or ''}".rstrip()
        if answer.status in PASSING:
            raise ConnectionError(shown)
        raise self._meaning(answer, said)

    def delete(self, name: str) -> None:
        """Remove a file. What is not there is no error."""
        with contextlib.suppress(FileNotFoundError), self._answer("DELETE", self._path(name)):
            pass

    def _pool(self) -> PoolManager:
        with self._lock:
            if self._made is None:
                self._made = make_pool(self._endpoint, self._environ, {})
            return self._made


def need(environ: Mapping[str, str], *names: str) -> str | None:
    """Return the first of some variables that is set and not empty."""
    return next((environ[name] for name in names if environ.get(name)), None)


def no_answer(said: str, error: Exception) -> PlaceRefuses:
    """Return the error that a place answers with something else than its service does."""
    return PlaceRefuses(f"the answer is none of that service: {said[:200]!r} ({error})")
