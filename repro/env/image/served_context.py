"""A build's files for an engine that takes them by URL only: served on the loopback while it builds.

Docker before 28 hands the files of a build to BuildKit by a session with Docker's own program where images are in
containerd's store, and not those that come with the request. BuildKit takes any URL (`remote` of `POST /build`).
"""

from __future__ import annotations

import contextlib
import http.server
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def served(tar: IO[bytes]) -> Iterator[str]:
    """Serve a tar until the block ends, and give its URL, which nobody can guess."""
    path = f"/{secrets.token_urlsafe(32)}/context.tar"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != path:
                self.send_error(404)
                return
            with open(os.dup(tar.fileno()), "rb") as file:
                file.seek(0)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-tar")
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                shutil.copyfileobj(file, self.wfile, 1 << 20)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
