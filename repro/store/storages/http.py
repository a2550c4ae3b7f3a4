"""A remote that a web server gives out: for reading only, and without lists."""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from repro.store.storages.http_connections import PASSING, http_errors, make_pool
from repro.store.storages.http_reads import HttpReads
from repro.store.storages.leaves_nothing import LeavesNothing
from repro.store.storages.storage import (
    ListsNothing,
    NothingMore,
    PlaceRefuses,
    StoredFile,
    Stream,
    check_range,
)

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_BLOCK = 1024 * 1024
_ABSENT = {404, 410}


class HttpStorage(HttpReads, LeavesNothing):
    """Files under an `http://` or `https://` URL. One pool of connections serves all threads."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Take a URL; nothing is asked yet. A query in it goes with every request.

        Args:
            url: it may hold a user's name and password, for Basic authentication.
            environ: where `http_proxy`, `https_proxy` and `no_proxy` are looked for, in lower and upper case.
        """
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        credentials, _, host = parts.netloc.rpartition("@")
        self._base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._credentials = credentials
        self._environ = environ
        self._lock = threading.Lock()
        self._made: PoolManager | None = None

    def is_file(self) -> bool:
        """Never known: what is no remote has no marker."""
        return False

    def top_names(self) -> list[str]:
        """Refuse: this is asked before a remote is made."""
        _refuse()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Refuse."""
        _refuse()

    def put_bytes(self, name: str, data: bytes) -> None:
        """Refuse."""
        _refuse()

    def size(self, name: str) -> int:
        """Return the length that the server declares; where it declares none, it is read and counted."""
        with http_errors():
            answer = self._request("HEAD", name, {})
            answer.close()
            if answer.status not in (405, 501):
                _require_success(answer)
                length = answer.headers.get("Content-Length", "")
                if length.isdecimal():
                    return int(length)
        with self.open(name) as file:
            return sum(len(block) for block in iter(lambda: file.read(_BLOCK), b""))

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Refuse: web servers have no lists, or each its own."""
        raise ListsNothing("a web server gives files by name only")

    def delete(self, name: str) -> None:
        """Refuse."""
        _refuse()

    def _get(self, name: str, offset: int, last: int | None = None) -> Stream:
        """Return the stream of the bytes from `offset` on; a server that knows no ranges is read from the beginning.

        One that does ends with the byte `last`.
        """
        wanted = f"bytes={offset}-{'' if last is None else last}" if offset or last is not None else None
        with http_errors():
            answer = self._request("GET", name, {"Range": wanted} if wanted else {})
            if wanted and answer.status == 416:  # the connection was lost after the last byte
                answer.close()
                return NothingMore()
            try:
                _require_success(answer)
                if answer.status != 206:
                    _skip(answer, offset)
                elif last is not None:
                    length = int(answer.headers.get("Content-Length", last - offset + 1))
                    check_range(answer.headers.get("Content-Range"), offset, last, length)
            except BaseException:
                answer.close()
                raise
            return answer

    def _request(self, method: str, name: str, headers: dict[str, str]) -> BaseHTTPResponse:
        from urllib.parse import quote

        pool = self._pool()
        url = f"{self._base}/{quote(name)}{self._query}"
        return pool.request(
            method, url, headers={**pool.headers, **headers}, preload_content=False, decode_content=False
        )

    def _pool(self) -> PoolManager:
        from urllib.parse import unquote

        from urllib3 import make_headers

        with self._lock:
            if self._made is None:
                given = unquote(self._credentials) if self._credentials else None
                self._made = make_pool(self._base, self._environ, make_headers(basic_auth=given))
            return self._made


def _require_success(answer: BaseHTTPResponse) -> None:
    said = f"HTTP {answer.status} {answer.reason or ''}".rstrip()
    if answer.status in (200, 206):
        return
    if answer.status in _ABSENT:
        raise FileNotFoundError(errno.ENOENT, said)
    if answer.status in PASSING:
        raise ConnectionError(said)
    if answer.status in (401, 403):
        raise PlaceRefuses(said, "the server wants to know who you are, or lets nobody read this")
    raise PlaceRefuses(said)


def _skip(answer: BaseHTTPResponse, count: int) -> None:
    """Pass over the first bytes: this server does not know ranges."""
    while count > 0:
        block = answer.read(min(_BLOCK, count))
        if not block:
            return
        count -= len(block)


def _refuse() -> NoReturn:
    raise PlaceRefuses("over HTTP it can be read only", "push to the directory, bucket or server behind it")
