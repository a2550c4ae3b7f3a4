"""Servers for remotes on the loopback: S3, SFTP, files over HTTP, and a proxy that spoils on demand what passes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import http.server
import io
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import asyncssh

_MOTO = """
import logging
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.disable()
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


def aws_variables(home: Path) -> dict[str, str]:
    """What a program needs to speak to the S3 server, which takes any key."""
    return {
        "HOME": str(home),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def s3_server(home: Path) -> Iterator[int]:
    """A server of S3, in a process of its own; its port."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-c", _MOTO]
    with subprocess.Popen(command, env=environ | aws_variables(home), stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            yield int(child.stdout.readline())
        finally:
            child.kill()


def make_bucket(port: int, name: str) -> str:
    """Make a bucket and return its name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("PUT", f"/{name}")
    assert connection.getresponse().status == 200
    connection.close()
    return name


@dataclass(frozen=True)
class SftpServer:
    """A server that knows one key, and what a client must have in `~/.ssh` to be let in."""

    port: int
    files: dict[str, bytes]
    connections: list[asyncssh.SSHServerConnection]
    loop: asyncio.AbstractEventLoop

    def let_in(self, home: Path) -> None:
        """Give a home the key, and the server's."""
        folder = home / ".ssh"
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)

    def hang_up(self) -> None:
        """Cut all connections, as a router does that was switched off and on."""
        for connection in list(self.connections):
            self.loop.call_soon_threadsafe(connection.abort)


class _Accepting(asyncssh.SSHServer):
    def __init__(self, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)


@contextlib.contextmanager
def sftp_server(kind: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Iterator[SftpServer]:
    """A server of SFTP, in a thread, which shows this machine's files."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    key, host = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    connections: list[asyncssh.SSHServerConnection] = []

    async def start() -> asyncssh.SSHAcceptor:
        allowed = asyncssh.import_authorized_keys(key.export_public_key().decode())
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Accepting(connections),
            server_host_keys=[host],
            authorized_client_keys=allowed,
            sftp_factory=kind,
        )

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    port = acceptor.get_port()
    known = f"[127.0.0.1]:{port} ".encode() + host.export_public_key()
    files = {"id_ed25519": key.export_private_key(), "id_ed25519.pub": key.export_public_key(), "known_hosts": known}
    server = SftpServer(port, files, connections, loop)
    try:
        yield server
    finally:
        server.hang_up()
        loop.call_soon_threadsafe(acceptor.close)
        loop.call_soon_threadsafe(loop.call_later, 0.05, loop.stop)
        thread.join(10)
        loop.close()


class _Files(http.server.SimpleHTTPRequestHandler):
    """The standard library's server of files, which knows no ranges."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextlib.contextmanager
def web_server(folder: Path, delay_s: float = 0) -> Iterator[int]:
    """A server of the files in a folder, which thinks for a while before each answer; its port."""

    class Slow(_Files):
        def send_head(self) -> io.BytesIO | BinaryIO | None:
            time.sleep(delay_s)
            return super().send_head()

    with _serving(
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Slow, directory=str(folder)))
    ) as s:
        yield s.server_address[1]


@contextlib.contextmanager
def _serving(server: http.server.ThreadingHTTPServer) -> Iterator[http.server.ThreadingHTTPServer]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class FaultyProxy:
    """What stands between a client and a server, and what it is to do to the next requests of a method."""

    port: int
    upstream: int
    plan: list[tuple[str, str]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, method: str, fault: str, times: int = 1) -> None:
        """Let the next requests of a method meet a fault.

        Args:
            method: as `GET`.
            fault: `reset`, `stall`, `cut` (the answer breaks off in the middle), `short` (a shorter answer that is
                none the wiser), `flip` (a changed byte, on the way up or down), or a status with S3's code as
                `503 SlowDown`.
            times: how many.
        """
        with self.lock:
            self.plan = [(method, fault)] * times
            self.seen.clear()

    def take(self, method: str, path: str) -> str | None:
        """Return the fault that this request meets. The marker always gets through."""
        with self.lock:
            if path.partition("?")[0].endswith("/repro-remote"):
                return None
            self.seen.append(method)
            for entry in self.plan:
                if entry[0] == method:
                    self.plan.remove(entry)
                    return entry[1]
            return None


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
        fault = self.proxy.take(self.command, self.path)
        if fault in ("reset", "stall"):
            self._hang_up(stall=fault == "stall")
        elif fault and fault[0].isdigit():
            self._refuse(*fault.split())
        else:
            self._answer(_flipped(body) if fault == "flip" and body else body, fault)

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT

    def _hang_up(self, stall: bool) -> None:
        if stall:
            self.proxy.over.wait(20)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR) if stall else self.connection.close()
        self.close_connection = True

    def _refuse(self, status: str, code: str = "") -> None:
        body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
        self._send(
            int(status), [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body, len(body)
        )

    def _answer(self, body: bytes, fault: str | None) -> None:
        upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
        if fault == "half":
            body = body[: len(body) // 2]
            headers = {name: value for name, value in headers.items() if name.lower() != "content-md5"}
            headers["Content-Length"] = str(len(body))
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        length = int(answer.headers.get("Content-Length") or len(data))
        upstream.close()
        if fault == "flip" and self.command == "GET":
            data = _flipped(data)
        elif fault == "short":
            data, length = data[: len(data) // 2], len(data) // 2
        elif fault == "cut":
            data = data[: len(data) // 2]
            self.close_connection = True
        kept = [
            (n, v)
            for n, v in answer.getheaders()
            if n.lower() not in ("content-length", "connection", "date", "server")
        ]
        if fault in ("half", "no tag"):
            kept = [(n, '"another-kind-of-tag"' if n.lower() == "etag" else v) for n, v in kept]
        self._send(answer.status, kept, data, length)

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int) -> None:
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

    with _serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        proxy = FaultyProxy(server.server_address[1], upstream)
        Handler.proxy = proxy
        try:
            yield proxy
        finally:
            proxy.over.set()


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
