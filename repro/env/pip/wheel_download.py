"""Downloads a file of an index to a path, and accepts it by its SHA-256 only."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import random
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from repro.env.pip.index_credentials import bare_url, credentials_for
from repro.env.pip.install_failures import IndexUnreachable, PackageGone, PackageHashMismatch

_BLOCK = 1 << 20
_ATTEMPTS = 4
_TIMEOUT_S = 30
_GONE = (404, 410)
_REFUSED = (401, 403, 407)


def download(url: str, sha256: str, path: str, environ: Mapping[str, str]) -> None:
    """Write the file at a URL (`https`, `http` or `file`) to `path`, which is complete and verified, or absent.

    Raises:
        PackageHashMismatch: it is another file.
        PackageGone: the server answers that it has no such file.
        IndexUnreachable: it does not answer, or refuses.
        OSError: the file cannot be written.
    """
    for attempt in range(_ATTEMPTS):
        try:
            found = _copy(url, path, environ)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == _ATTEMPTS - 1:
                raise _refusal(url, error) from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            if attempt == _ATTEMPTS - 1 or urlsplit(url).scheme == "file":
                raise _unreachable(url, error) from error
        time.sleep((0.2 * 3**attempt) * (0.5 + random.random()))  # no secret
    if found != sha256:
        os.unlink(path)
        raise PackageHashMismatch(
            f"{bare_url(url)} has the SHA-256 {found}, locked is {sha256}",
            "the index serves another file than it did: ask who runs it",
        )


def _copy(url: str, path: str, environ: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    request = urllib.request.Request(bare_url(url), headers={"User-Agent": "repro"})
    known = credentials_for(url, environ)
    if known is not None:
        encoded = base64.b64encode(f"{known[0]}:{known[1]}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")  # another host must not get it
    with _opener(environ).open(request, timeout=_TIMEOUT_S) as answer, open(path, "wb") as file:
        while block := answer.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _opener(environ: Mapping[str, str]) -> urllib.request.OpenerDirector:
    import ssl

    cafile = environ.get("SSL_CERT_FILE") or environ.get("PIP_CERT") or None
    proxies = {
        scheme: proxy
        for scheme in ("http", "https")
        if (proxy := environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY"))
    }
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cafile)),
    )


def copy_local(path: str, sha256: str, target: str) -> None:
    """Copy a file of this machine, as `download` does.

    Raises:
        PackageGone, PackageHashMismatch: it is not there, or another one.
    """
    try:
        with open(path, "rb") as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
    except FileNotFoundError:
        raise PackageGone(f"{path} is not there any more", "put it back, or name another index") from None
    with open(target, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        os.unlink(target)
        raise PackageHashMismatch(f"{path} has the SHA-256 {found}, locked is {sha256}")


def file_name_of(url: str) -> str:
    """Return the name of the file that a URL names."""
    return unquote(urlsplit(url).path).rpartition("/")[2]


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    shown = bare_url(url)
    if error.code in _GONE:
        return PackageGone(f"{shown} is not served any more ({error.code})", "name an index that has it: UV_INDEX=URL")
    hint = "give credentials for the index (UV_INDEX, netrc)" if error.code in _REFUSED else "try again later"
    return IndexUnreachable(f"{shown} is refused: {error.code} {error.reason}", hint)


def _unreachable(url: str, error: Exception) -> IndexUnreachable:
    reason = getattr(error, "reason", None) or error
    return IndexUnreachable(f"{bare_url(url)} cannot be reached: {reason}", "try again where the index can be reached")
