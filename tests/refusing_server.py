"""A server on loopback that has nothing to give: it answers every request with one status, or with silence."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

SILENCE = 0
REFUSALS = (401, 403)
FAILURES = (429, 500, 503)
NOBODY_LISTENS, NO_SUCH_HOST = "http://127.0.0.1:9", "http://no-such-host.invalid"


@dataclass
class RefusingServer:
    """A running server; `status` may be changed, `requests` are the paths that were asked for."""

    url: str = ""
    status: int = SILENCE
    requests: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    server_of: RefusingServer

    def do_GET(self) -> None:
        self.server_of.requests.append(self.path)
        if self.server_of.status == SILENCE:
            self.server_of.over.wait(60)
            self.close_connection = True
            return
        self.send_response(self.server_of.status)
        if self.server_of.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client has waited long enough and goes
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextlib.contextmanager
def refusing_server() -> Iterator[RefusingServer]:
    """Serve nothing until the block ends."""
    found = RefusingServer()
    handler = type("Handler", (_Handler,), {"server_of": found})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        found.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
