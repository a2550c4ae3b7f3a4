"""Tiny wheels made by hand, and a package index on loopback that serves them and counts what it is asked."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    body: str = "",
    build: str = "",
    script: str = "",
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write a pure wheel with one module, whose `WHO` is name and version; `body` makes other bytes, `files` more."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = {
        f"{module}.py": f"WHO = {name + ' ' + version!r}\n{body}\n\n\ndef main():\n    print(WHO)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {need}\n" for need in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members |= files or {}
    if script:
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script} = {module}:main\n"
    record = "".join(f"{path},sha256={_record_hash(text)},{len(text)}\n" for path, text in members.items())
    members[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}{'-' + build if build else ''}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


_BACKEND = """
import base64, hashlib, os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "{module}-{version}.dist-info"
    members = {{
        "{module}.py": open("{module}.py").read() + "BUILT_BY = %d\\n" % os.getpid(),
        info + "/METADATA": "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "{module}-{version}.data/scripts/{name}-script": "#!python\\nprint(1)\\n",
    }}
    record = ""
    for name, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += name + ",sha256=" + digest + "," + str(len(text)) + "\\n"
    members[info + "/RECORD"] = record + info + "/RECORD,,\\n"
    with zipfile.ZipFile(folder + "/{module}-{version}-py3-none-any.whl", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return "{module}-{version}-py3-none-any.whl"
"""


def source_files(name: str, version: str) -> dict[str, str]:
    """The source of a package that builds itself, without the network, by the names of its files."""
    module = name.replace("-", "_")
    return {
        f"{module}.py": f"WHO = {name + ' ' + version + ' built'!r}\n",
        "backend.py": _BACKEND.format(module=module, name=name, version=version),
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class SmallIndex:
    """A simple-API index (PEP 503) over HTTP."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        self.password: str | None = None
        """Where it is set, only the user `ann` with it is served."""
        self._server: http.server.ThreadingHTTPServer | None = None
        (root / "simple").mkdir(parents=True)

    def add(self, name: str, version: str, **how: Any) -> Path:
        """Make a wheel and list it."""
        wheel = make_wheel(self.root / "files", name, version, **how)
        self.list_wheels(name)
        return wheel

    def add_source(self, name: str, version: str, more: str = "") -> Path:
        """Make a source distribution that builds itself, without the network, and list it; `more` is added to the code
        that builds it."""
        stem, members = f"{name}-{version}", source_files(name, version)
        members["backend.py"] += more
        (self.root / "files").mkdir(exist_ok=True)
        path = self.root / "files" / f"{stem}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for member, text in members.items():
                info = tarfile.TarInfo(f"{stem}/{member}")
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        self.list_wheels(name)
        return path

    def list_wheels(self, name: str) -> None:
        """Write the page of a package from the files as they are."""
        page = self.root / "simple" / name / "index.html"
        page.parent.mkdir(exist_ok=True)
        wheels = sorted((self.root / "files").glob(f"{name.replace('-', '_')}-*.whl"))
        wheels += sorted((self.root / "files").glob(f"{name}-*.tar.gz"))
        links = [f'<a href="../../files/{w.name}#sha256={sha256(w)}">{w.name}</a>' for w in wheels]
        page.write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")

    def remove(self, name: str, version: str) -> None:
        """Take a version off the index."""
        for wheel in (self.root / "files").glob(f"{name.replace('-', '_')}-{version}-*.whl"):
            wheel.unlink()
        self.list_wheels(name)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def start(self) -> None:
        requests, root, index = self.requests, str(self.root), self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=root)  # type: ignore[arg-type]

            def do_GET(self) -> None:
                requests.append(self.path)
                wanted = base64.b64encode(f"ann:{index.password}".encode()).decode()
                if index.password is not None and self.headers.get("Authorization") != f"Basic {wanted}":
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                super().do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
