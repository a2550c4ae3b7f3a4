"""Servers that fail, stall, break off, change bytes and lie on demand: a proxy before one of HTTP, and one of SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import http.server
import json
import re
import socket
import stat
import struct
import threading
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import asyncssh

from tests.remote_servers import SftpServer, serving, sftp_server

_PATIENCE_S = 20.0
"""For how long a server stalls: far longer than any client here waits."""


@dataclass
class Faults:
    """What is to go wrong with the next requests of a kind."""

    plan: list[tuple[str, str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Where reading was asked to begin."""
    met: int = 0
    up: int = 0
    """Bytes of bodies that came up, since the beginning."""
    down: int = 0
    """Bytes of bodies that went down."""
    over: threading.Event = field(default_factory=threading.Event)
    outwaited: int = 0  # clients that were still there when a server had stalled for `_PATIENCE_S`
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, method: str, fault: str, times: int = 1) -> None:
        """Let the next requests of a method meet a fault.

        Args:
            method: as `GET` of HTTP; as `read`, `write`, `remove`, `scandir`, `stat` of SFTP.
            fault: `reset`, `stall`, `cut` (the answer breaks off in the middle), `stop` (from there on, silence),
                `short` (a shorter answer that is none the wiser), `flip` (a changed byte, on the way up or down),
                `half` (half of what comes up is kept, and all of it is said to be), `lie` (the checksum of what
                came up is said to be another), `few` (lists in pages of
                three), `no range` (the whole file comes); a status with S3's code as `503 SlowDown`; or `failure`.
            times: how many.
        """
        with self.lock:
            self.plan = [(method, fault)] * times
            self.seen.clear()
            self.offsets.clear()
            self.met = 0

    def heal(self) -> None:
        """Plan nothing more, and let go what is stalled."""
        self.spoil("", "", times=0)
        self.over.set()
        self.over = threading.Event()

    def take(self, method: str, offset: int | None = None) -> str | None:
        """Return the fault that this request meets."""
        with self.lock:
            self.seen.append(method)
            if offset is not None:
                self.offsets.append(offset)
            for entry in self.plan:
                if entry[0] == method:
                    self.plan.remove(entry)
                    self.met += 1
                    return entry[1]
            return None


@dataclass
class FaultyProxy(Faults):
    """What stands between a client and a server of HTTP."""

    port: int = 0
    upstream: int = 0
    checksums: list[str] = field(default_factory=list)
    """By which header each `PUT` said what its bytes are, since the beginning."""


_CHECKSUMS = ("content-md5", "x-amz-checksum-crc32")


class _Proxying(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()
            return
        self.close_connection = True

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.up += len(body)
        if self.command == "PUT":
            self.proxy.checksums += [name for name in map(str.lower, self.headers) if name in _CHECKSUMS]
        fault = self._fault()
        if fault in ("reset", "stall"):
            self._hang_up(stall=fault == "stall")
        elif fault and fault[0].isdigit():
            self._refuse(*fault.split())
        else:
            self._answer(flipped(body) if fault == "flip" and body else body, fault)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

    def _fault(self) -> str | None:
        """The marker always gets through."""
        if urllib.parse.unquote(self.path).partition("?")[0].endswith("/repro-remote"):
            return None
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return self.proxy.take(self.command, int(asked[1]) if asked else None)

    def _say_nothing(self) -> None:
        if self.proxy.over.wait(_PATIENCE_S):
            return
        try:
            gone = self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except OSError as error:
            gone = not isinstance(error, BlockingIOError)
        self.proxy.outwaited += not gone

    def _hang_up(self, stall: bool) -> None:
        if stall:
            self._say_nothing()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR) if stall else self.connection.close()
        self.close_connection = True

    def _refuse(self, status: str, code: str = "") -> None:
        body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
        self._send(
            int(status), [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body, len(body)
        )

    def _answer(self, body: bytes, fault: str | None) -> None:
        answer, data = self._ask(body, fault)
        length = int(answer.headers.get("Content-Length") or len(data))
        if fault == "flip" and self.command == "GET":
            data = flipped(data)
        elif fault == "lie":
            data = data.replace(b'"md5Hash": "', b'"md5Hash": "A')
            length = len(data)
        elif fault == "few" and "/storage/v1/" in self.path:
            data = self._page(data)
            length = len(data)
        elif fault == "short":
            data, length = data[: len(data) // 2], len(data) // 2
        elif fault in ("cut", "stop"):
            data = data[: len(data) // 2]
            self.close_connection = True
        left_out = ("content-length", "transfer-encoding", "connection", "date", "server")
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in left_out]
        if fault in ("half", "no tag"):
            kept = [(n, '"another-kind-of-tag"' if n.lower() == "etag" else v) for n, v in kept]
        if fault == "lie":
            kept = [(n, "A" + v if n.lower() in _CHECKSUMS else v) for n, v in kept]
        self._send(answer.status, kept, data, length)
        if fault == "stop":
            self._say_nothing()

    def _ask(self, body: bytes, fault: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        dropped = {"half": "content-md5", "no range": "range"}.get(fault or "")
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("connection", "expect", dropped)}
        if fault == "half":
            body = body[: len(body) // 2]
            headers["Content-Length"] = str(len(body))
        path = f"{self.path}&max-keys=3" if fault == "few" and "list-type" in self.path else self.path
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=20)) as upstream:
            upstream.request(self.command, path, body, headers)
            answer = upstream.getresponse()
            return answer, answer.read()

    def _page(self, data: bytes) -> bytes:
        """Three entries of a list of Google's, whose emulator gives all at once."""
        query = urllib.parse.parse_qs(self.path.partition("?")[2])
        start = int(query.get("pageToken", ["0"])[0])
        whole = json.loads(data)
        more = {"nextPageToken": str(start + 3)} if start + 3 < len(whole["items"]) else {}
        return json.dumps({**whole, "items": whole["items"][start : start + 3], **more}).encode()

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int) -> None:
        self.proxy.down += len(body)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextlib.contextmanager
def faulty_proxy(upstream: int) -> Iterator[FaultyProxy]:
    """A proxy before the server at a port of this machine."""

    class Handler(_Proxying):
        pass

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        proxy = FaultyProxy(port=server.server_address[1], upstream=upstream)
        Handler.proxy = proxy
        try:
            yield proxy
        finally:
            proxy.over.set()


class _FaultySftp(asyncssh.SFTPServer):
    faults: Faults

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        fault = await self._meet("read", offset)
        data: bytes = super().read(file_obj, offset, size)  # type: ignore[assignment]
        self.faults.down += len(data)
        return flipped(data) if fault == "flip" else data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        fault = await self._meet("write")
        self.faults.up += len(data)
        super().write(file_obj, offset, data[: len(data) // 2] if fault == "half" else data)
        return len(data)

    async def remove(self, path: bytes) -> None:
        if not path.rpartition(b"/")[2].startswith(b".repro-tmp-"):
            await self._meet("remove")
        super().remove(path)

    async def stat(self, path: bytes) -> object:  # type: ignore[override]
        """The marker always gets through."""
        if not path.endswith(b"/repro-remote"):
            await self._meet("stat")
        return super().stat(path)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._meet("scandir")
        async for entry in super().scandir(path):
            if stat.S_ISREG(entry.attrs.permissions or 0):
                entry.attrs.mtime = 1_000_000_000  # this server's clock stands still
            yield entry

    async def _meet(self, method: str, offset: int | None = None) -> str | None:
        fault = self.faults.take(method, offset)
        if fault == "failure":
            raise asyncssh.SFTPFailure("the disk is full")
        if fault == "reset":
            self.channel.get_connection().abort()
        if fault == "stall":
            over, until = self.faults.over, time.monotonic() + _PATIENCE_S
            while not over.is_set() and not self.channel.is_closing() and time.monotonic() < until:
                await asyncio.sleep(0.05)
            self.faults.outwaited += time.monotonic() >= until
        if fault in ("reset", "stall"):
            raise asyncssh.SFTPConnectionLost("gone")  # and what was asked is not done
        return fault


@contextlib.contextmanager
def faulty_sftp_server() -> Iterator[tuple[SftpServer, Faults]]:
    """A server of SFTP whose requests meet faults."""

    class Server(_FaultySftp):
        faults = Faults()

    with sftp_server(Server) as server:
        try:
            yield server, Server.faults
        finally:
            Server.faults.over.set()


def flipped(data: bytes) -> bytes:
    """Return the bytes with one bit of the one in the middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
