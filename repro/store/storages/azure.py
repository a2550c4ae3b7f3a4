"""A remote in a container of Azure's blob storage.

By its REST interface and not by fsspec's adlfs: that repeats by rules of its own, with pauses up to minutes, sends no
checksum, and gives no stream of a download. Sources: "Blob Storage REST API", version 2021-08-06; "Authorize with
Shared Key", the form for services since 2009-09-19.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree

from repro.store.storages.errors import UnsupportedRemote
from repro.store.storages.rest import RestStorage, need, no_answer
from repro.store.storages.storage import PlaceRefuses, StoredFile, read_all
from repro.store.storages.upload_sums import SpoiledUpload, base64_text, removed_if_spoiled

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_VERSION = "2021-08-06"
_SCOPE = "https://storage.azure.com/.default"
_HINT = "check AZURE_STORAGE_CONNECTION_STRING, or _ACCOUNT_NAME and _ACCOUNT_KEY, and the container's name"
_ABSENT = {"", "BlobNotFound", "ResourceNotFound"}
_MOST_LISTED = 64 * 1024 * 1024
_PAGE = 5000
"""Files that one answer lists: the most that Azure gives."""

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class AzureStorage(RestStorage):
    """The blobs of a container that begin with a prefix."""

    _account: str

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Take `az://CONTAINER[/PREFIX]` or `abfs[s]://CONTAINER@ACCOUNT.dfs.core.windows.net[/PREFIX]`.

        Args:
            url: nothing is asked of it yet.
            environ: what says how to connect, as Azure's own tools call it: `AZURE_STORAGE_CONNECTION_STRING`, or
                `AZURE_STORAGE_ACCOUNT_NAME` with `_ACCOUNT_KEY` or `_SAS_TOKEN`; else azure-identity finds out.

        Raises:
            UnsupportedRemote: the URL has no meaning, or it is not said how to connect.
        """
        parts = urlsplit(url)
        container, _, host = parts.netloc.partition("@")
        if not re.fullmatch(r"\$?[a-z0-9][a-z0-9-]*", container):
            raise UnsupportedRemote(
                f"{container.partition(':')[0]!r} cannot be the name of a container", "like this: az://CONTAINER/PREFIX"
            )
        said = _connection(environ, host.partition(".")[0])
        self._container = container
        self._account = said["AccountName"]
        self._key = base64.b64decode(said.get("AccountKey", ""))
        self._sas = dict(parse_qsl(said.get("SharedAccessSignature", "").lstrip("?"), keep_blank_values=True))
        self._credential: object = None
        super().__init__(said["BlobEndpoint"], unquote(parts.path), environ)

    def top_names(self) -> list[str]:
        """Return the names directly below the prefix."""
        page, _ = self._page(self._prefix, delimiter="/")
        found = [entry.findtext("Name") or "" for entry in page.iterfind("Blobs/*")]
        return sorted(filter(None, (name[len(self._prefix) :].rstrip("/") for name in found)))

    def size(self, name: str) -> int:
        """Return the length in bytes."""
        with self._answer("HEAD", self._path(name)) as answer:
            return int(answer.headers["Content-Length"])

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the files whose names begin with the prefix, by one request per 5000."""
        found, marker = [], ""
        while True:
            page, marker = self._page(f"{self._prefix}{prefix}/", marker=marker)
            for blob in page.iterfind("Blobs/Blob"):
                if blob.findtext("Properties/ResourceType") != "directory":
                    found.append(self._stored(blob))
            if not marker:
                return found

    def _stored(self, blob: ElementTree.Element) -> StoredFile:
        written = parsedate_to_datetime(blob.findtext("Properties/Last-Modified") or "")
        size = int(blob.findtext("Properties/Content-Length") or 0)
        return StoredFile((blob.findtext("Name") or "")[len(self._prefix) :], size, written.timestamp())

    def _page(self, prefix: str, **more: str) -> tuple[ElementTree.Element, str]:
        """Return one answer of a list, and where the next one begins."""
        query = {"restype": "container", "comp": "list", "prefix": prefix, "maxresults": str(_PAGE)}
        query |= {name: value for name, value in more.items() if value}
        with self._answer("GET", f"/{self._container}", query) as answer:
            said = read_all(answer, _MOST_LISTED)
        try:
            page = ElementTree.fromstring(said)
        except ElementTree.ParseError as error:
            raise no_answer(said.decode("utf-8", "replace"), error) from error
        return page, page.findtext("NextMarker") or ""

    def _put(self, name: str, body: IO[bytes], size: int, md5: bytes) -> None:
        sum_ = base64_text(md5)
        headers = {"Content-Length": str(size), "Content-MD5": sum_, "x-ms-blob-type": "BlockBlob"}
        with self._answer("PUT", self._path(name), {}, headers, body) as answer:
            stored = answer.headers.get("Content-MD5")
        with removed_if_spoiled(self.delete, name):
            if stored != sum_ and (stored is not None or self.size(name) != size):
                raise SpoiledUpload(f"{size} bytes with the checksum {sum_} were sent, and others are stored")

    def _path(self, name: str) -> str:
        return f"/{self._container}/{quote(self._prefix + name)}"

    def _meaning(self, answer: BaseHTTPResponse, said: str) -> OSError:
        code = answer.headers.get("x-ms-error-code") or _code_in(said)
        shown = f"HTTP {answer.status} {code}".rstrip()
        if answer.status == 404 and code in _ABSENT:
            return FileNotFoundError(2, shown)
        if answer.status == 400 and re.search("md5", code + said, re.IGNORECASE):  # Azure's own code is Md5Mismatch
            return ConnectionError(f"{shown}: the bytes changed on their way")
        return PlaceRefuses(shown, _HINT)

    def _sign(self, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        headers["x-ms-version"] = _VERSION
        headers["x-ms-date"] = formatdate(usegmt=True)
        if self._key:
            text = self._text_to_sign(method, path, query, headers)
            made = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
            headers["Authorization"] = f"SharedKey {self._account}:{base64_text(made)}"
        elif self._sas:
            query |= self._sas
        else:
            headers["Authorization"] = f"Bearer {self._token()}"

    def _text_to_sign(self, method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> str:
        given = {name.lower(): value for name, value in headers.items()}
        lines = [
            method,
            *("" if (name, given.get(name)) == ("content-length", "0") else given.get(name, "") for name in _SIGNED),
        ]
        lines += [f"{name}:{value}" for name, value in sorted(given.items()) if name.startswith("x-ms-")]
        lines.append(f"/{self._account}{urlsplit(self._endpoint).path}{path}")
        lines += [f"{name.lower()}:{value}" for name, value in sorted(query.items())]
        return "\n".join(lines)

    def _token(self) -> str:
        try:
            from azure.core.exceptions import ClientAuthenticationError
            from azure.identity import DefaultAzureCredential
        except ImportError as error:
            raise PlaceRefuses(
                "no key is configured for Azure", f"{_HINT}; or pip install 'repro-run[azure]'"
            ) from error
        with self._lock:
            credential = self._credential or DefaultAzureCredential()
            self._credential = credential
        try:
            return str(credential.get_token(_SCOPE).token)  # type: ignore[attr-defined]
        except ClientAuthenticationError as error:
            raise PlaceRefuses(str(error).partition("\n")[0], _HINT) from error


def _connection(environ: Mapping[str, str], account: str) -> dict[str, str]:
    """Return what a connection string says, made from single variables where there is none.

    Raises:
        UnsupportedRemote: nothing says which account it is.
    """
    text = need(environ, "AZURE_STORAGE_CONNECTION_STRING") or ""
    said = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    if account and said.get("AccountName") != account:
        said = {}
    named = account or said.get("AccountName") or need(environ, "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
    if not named and "BlobEndpoint" in said:
        named = urlsplit(said["BlobEndpoint"]).netloc.partition(".")[0]
    if not named:
        raise UnsupportedRemote("nothing says which account of Azure's this is", _HINT)
    said["AccountName"] = named
    if not said.keys() & {"AccountKey", "SharedAccessSignature"}:
        said["AccountKey"] = need(environ, "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY") or ""
        said["SharedAccessSignature"] = need(environ, "AZURE_STORAGE_SAS_TOKEN") or ""
    suffix = said.get("EndpointSuffix", "core.windows.net")
    said.setdefault("BlobEndpoint", f"{said.get('DefaultEndpointsProtocol', 'https')}://{named}.blob.{suffix}")
    return said


def _code_in(said: str) -> str:
    found = re.search(r"<Code>(\w+)</Code>", said)
    return found[1] if found else ""
