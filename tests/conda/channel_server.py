"""Serves a channel's folder over HTTP on loopback, to everybody or to who has a token or a password."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

USER, PASSWORD, TOKEN = "ann", "pa55-of-ann", "tk-0123456789"


@dataclass
class ChannelServer:
    """A running server. `requests` are the paths that were asked for."""

    url: str
    requests: list[str] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    _name: list[str] = field(default_factory=list)
    _go: threading.Event = field(default_factory=threading.Event)

    def hold(self, name: str) -> None:
        """Answer requests with this in their path only after `let_go`; `held` is set when one has come."""
        self._name.append(name)

    def let_go(self) -> None:
        self._name.clear()
        self._go.set()

    def wait_if_held(self, path: str) -> None:
        if any(name in path for name in self._name):
            self.held.set()
            self._go.wait(60)

    def private(self, how: str) -> str:
        """The URL of the private door: by `token` or by `basic` authentication."""
        host = self.url.removeprefix("http://")
        return f"http://{host}/t/{TOKEN}/private" if how == "token" else f"http://{USER}:{PASSWORD}@{host}/locked"


class _Handler(http.server.SimpleHTTPRequestHandler):
    channel: ChannelServer

    def do_GET(self) -> None:
        self.channel.requests.append(self.path)
        self.channel.wait_if_held(self.path)
        super().do_GET() if self._may() else self.send_error(401)

    def do_HEAD(self) -> None:
        super().do_HEAD() if self._may() else self.send_error(401)

    def _may(self) -> bool:
        if self.path.startswith("/locked/"):
            self.path = self.path.removeprefix("/locked")
            said = self.headers.get("Authorization", "")
            return said == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.path.startswith("/t/"):
            _, _, token, _, *rest = self.path.split("/")
            self.path = "/" + "/".join(rest)
            return token == TOKEN
        return not self.path.startswith("/private/")

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client has what it wants and goes
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[ChannelServer]:
    """Serve `folder` until the block ends."""
    channel = ChannelServer("")
    handler = type("Handler", (_Handler,), {"channel": channel})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    channel.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield channel
    finally:
        channel.let_go()
        server.shutdown()
        server.server_close()
        thread.join()
