"""Servers for remotes on the loopback: S3, SFTP, files over HTTP. `faulty_servers` are those that fail on demand."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import http.server
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import asyncssh

from repro.store.storages.azure import AzureStorage

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


@contextlib.contextmanager
def strict_s3_server(folder: Path) -> Iterator[int]:
    """A server of S3 that knows one key and compares checksums, in a process of its own; its port."""
    kinds = [f"{part}.port{grpc}" for part in ("s3", "master", "volume", "filer") for grpc in ("", ".grpc")]
    ports = dict(zip(kinds, _free_ports(len(kinds)), strict=True))
    ann = {"name": "ann", "credentials": [{"accessKey": "ann", "secretKey": "right"}], "actions": ["Admin"]}
    (folder / "ids.json").write_text(json.dumps({"identities": [ann]}))
    command = [
        *(str(Path(sys.executable).parent / "weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-s3", f"-s3.config={folder}/ids.json", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=40"),
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    environ = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder)}
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environ, stdout=log, stderr=log) as child:
        try:
            _wait_until_healthy(ports["s3.port"], child)
            yield ports["s3.port"]
        finally:
            child.kill()


@contextlib.contextmanager
def google_server() -> Iterator[int]:
    """A server of Google's storage with a bucket `bucket`, in a process of its own; its port."""
    script = (
        "import logging, time\nfrom gcp_storage_emulator.server import create_server\nlogging.disable()\n"
        "server = create_server('127.0.0.1', 0, in_memory=True, default_bucket='bucket')\nserver.start()\n"
        "print(server._api._httpd.server_port, flush=True)\ntime.sleep(10000)\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout
            yield int(child.stdout.readline())
        finally:
            child.kill()


_HERE = Path(sys.executable).parent
_AZURITE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro-tests/azurite-3/node_modules/.bin"


def azurite() -> str | None:
    """Azurite's program, from PATH or from where `tests/run` installs it."""
    return shutil.which("azurite-blob", path=os.pathsep.join([os.environ.get("PATH", os.defpath), str(_AZURITE)]))


def azure_connection_at(port: int) -> str:
    """The string to connect by to Azurite behind a port, with the key that everybody knows."""
    known = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={known};"
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    )


@contextlib.contextmanager
def azure_server(program: str, folder: Path) -> Iterator[int]:
    """Azurite with a container `container`; its port."""
    [port] = _free_ports(1)
    command = [program, "--silent", "--skipApiVersionCheck", f"--location={folder}", f"--blobPort={port}"]
    environ = {**os.environ, "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), str(_HERE)])}  # for `node`
    # In a session of its own: where `node` is a wrapper, the server is a child of what we start.
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, start_new_session=True) as child:
        try:
            for _ in range(600):
                assert child.poll() is None
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                    break
                time.sleep(0.1)
            connected = {"AZURE_STORAGE_CONNECTION_STRING": azure_connection_at(port)}
            with AzureStorage("az://container", connected)._answer("PUT", "/container", {"restype": "container"}):
                pass
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


def _wait_until_healthy(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert child.poll() is None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the S3 server does not start")


def make_bucket(port: int, name: str) -> str:
    """Make a bucket and return its name."""
    _put(port, f"/{name}", b"")
    return name


def show_bucket(port: int, name: str) -> None:
    """Let everybody read a bucket, as a web server shows it."""
    rule = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{name}/*"}
    _put(port, f"/{name}?policy", json.dumps({"Version": "2012-10-17", "Statement": [rule]}).encode())


def _put(port: int, path: str, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("PUT", path, body)
    assert connection.getresponse().status in (200, 204)
    connection.close()


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

    with serving(
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Slow, directory=str(folder)))
    ) as s:
        yield s.server_address[1]


@contextlib.contextmanager
def serving(server: http.server.ThreadingHTTPServer) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server of HTTP while it serves, in a thread."""
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
