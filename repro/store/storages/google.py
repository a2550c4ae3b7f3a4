"""A remote in a bucket of Google's.

By its JSON interface and not by fsspec's gcsfs: that repeats by rules of its own, for half a minute, compares no
checksum unless told, limits the time of a whole request instead of its silence, and gives no stream of a download.
Source: "Cloud Storage JSON API", version 1; uploads as "Multipart upload" there, whose metadata say the MD5 that the
server compares.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from repro.store.storages.errors import UnsupportedRemote
from repro.store.storages.rest import RestStorage, need, no_answer
from repro.store.storages.storage import PlaceRefuses, StoredFile, read_all
from repro.store.storages.upload_sums import SpoiledUpload, base64_text, removed_if_spoiled

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PLACE = "https://storage.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_HINT = "check GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, and the bucket's name"
_MOST_LISTED = 64 * 1024 * 1024
_PAGE = 1000
"""Files that one answer lists: the most that Google gives."""

_BLOCK = 1024 * 1024


class GoogleStorage(RestStorage):
    """The objects of a bucket that begin with a prefix."""

    _READ = {"alt": "media"}  # noqa: RUF012

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Take `gs://BUCKET[/PREFIX]`.

        Args:
            url: nothing is asked of it yet.
            environ: `STORAGE_EMULATOR_HOST` may name another server, which is asked without credentials. Else
                google-auth finds these as all of Google's programs do.

        Raises:
            UnsupportedRemote: the URL has no meaning, or google-auth is not installed.
        """
        parts = urlsplit(url)
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]+", parts.netloc):
            raise UnsupportedRemote(
                f"{parts.netloc.rpartition('@')[2]!r} cannot be the name of a bucket", "like this: gs://BUCKET/PREFIX"
            )
        try:
            import google.auth.exceptions  # noqa: F401 (that it is there is all that is asked)
        except ImportError as error:
            raise UnsupportedRemote(
                "a remote at gs:// needs a package that is not installed", "pip install 'repro-run[gs]'"
            ) from error
        other = need(environ, "STORAGE_EMULATOR_HOST")
        self._bucket = parts.netloc
        self._is_open = other is not None
        self._credentials: Any = None
        self._asking = threading.Lock()
        place = other or _PLACE
        super().__init__(place if "://" in place else f"http://{place}", unquote(parts.path), environ)

    def top_names(self) -> list[str]:
        """Return names directly below the prefix, as far as one answer tells them."""
        page = self._page(self._prefix, delimiter="/")
        found = [*page.get("prefixes", ()), *(entry["name"] for entry in page.get("items", ()))]
        return sorted(filter(None, (name[len(self._prefix) :].rstrip("/") for name in found)))

    def size(self, name: str) -> int:
        """Return the length in bytes."""
        with self._answer("GET", self._path(name), {"fields": "size"}) as answer:
            return int(self._said(answer)["size"])

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the files whose names begin with the prefix, by one request per 1000."""
        found: list[StoredFile] = []
        token = ""
        while True:
            page = self._page(f"{self._prefix}{prefix}/", pageToken=token)
            for entry in page.get("items", ()):
                written = datetime.fromisoformat(entry["updated"]).timestamp()
                found.append(StoredFile(entry["name"][len(self._prefix) :], int(entry["size"]), written))
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def _page(self, prefix: str, **more: str) -> dict[str, Any]:
        """Return one answer of a list."""
        query = {
            "prefix": prefix,
            "fields": "nextPageToken,prefixes,items(name,size,updated)",
            "maxResults": str(_PAGE),
        }
        query |= {name: value for name, value in more.items() if value}
        try:
            with self._answer("GET", f"/storage/v1/b/{quote(self._bucket)}/o", query) as answer:
                return self._said(answer)
        except FileNotFoundError as error:
            raise PlaceRefuses(f"there is no bucket {self._bucket}", _HINT) from error

    def _put(self, name: str, body: IO[bytes], size: int, md5: bytes) -> None:
        sum_ = base64_text(md5)
        border = os.urandom(16).hex()
        told = json.dumps({"name": self._prefix + name, "md5Hash": sum_})
        start = (
            f"--{border}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{told}\r\n"
            f"--{border}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode()
        end = f"\r\n--{border}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/related; boundary={border}",
            "Content-Length": str(len(start) + size + len(end)),
        }
        stored = self._upload(headers, _parts(start, body, end))
        with removed_if_spoiled(self.delete, name):
            if (stored.get("size"), stored.get("md5Hash")) != (str(size), sum_):
                raise SpoiledUpload(f"{size} bytes with the checksum {sum_} were sent, and others are stored")

    def _upload(self, headers: dict[str, str], body: Iterator[bytes]) -> dict[str, Any]:
        query = {"uploadType": "multipart", "fields": "size,md5Hash"}
        try:
            with self._answer("POST", f"/upload/storage/v1/b/{quote(self._bucket)}/o", query, headers, body) as answer:
                return self._said(answer)
        except FileNotFoundError as error:
            raise PlaceRefuses(f"there is no bucket {self._bucket}", _HINT) from error

    def _path(self, name: str) -> str:
        return f"/storage/v1/b/{quote(self._bucket)}/o/{quote(self._prefix + name, safe='')}"

    def _said(self, answer: BaseHTTPResponse) -> dict[str, Any]:
        data = read_all(answer, _MOST_LISTED)
        try:
            found: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise no_answer(data.decode("utf-8", "replace"), error) from error
        return found

    def _meaning(self, answer: BaseHTTPResponse, said: str) -> OSError:
        shown = f"HTTP {answer.status} {_message_in(said)}".rstrip()
        if answer.status == 404:
            return FileNotFoundError(2, shown)
        if answer.status in (400, 409) and re.search(r"\bMD5\b", said, re.IGNORECASE):
            return ConnectionError(shown)  # the bytes changed on their way
        return PlaceRefuses(shown, _HINT)

    def _sign(self, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        if self._is_open:
            return
        import google.auth
        from google.auth import exceptions
        from google.auth.transport.urllib3 import Request

        with self._asking:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[_SCOPE])
                ask = Request(self._pool())  # type: ignore[no-untyped-call]
                self._credentials.before_request(ask, method, self._endpoint + path, headers)
            except exceptions.TransportError as error:
                raise ConnectionError(str(error)) from error
            except exceptions.GoogleAuthError as error:
                raise PlaceRefuses(str(error), _HINT) from error


def _parts(start: bytes, body: IO[bytes], end: bytes) -> Iterator[bytes]:
    yield start
    while block := body.read(_BLOCK):
        yield block
    yield end


def _message_in(said: str) -> str:
    try:
        return str(json.loads(said)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return said.strip()[:200]
