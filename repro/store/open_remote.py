"""Which kind of remote a URL means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from repro.model.dataclass import dataclass
from repro.model.remote_key import RemoteKey
from repro.store.remote.remote import Remote
from repro.store.storages.errors import UnsupportedRemote, unreachable
from repro.store.storages.storage import Storage


@dataclass(frozen=True, slots=True)
class Encryption:
    """A remote is encrypted: `key` gets its key, when it is first needed; `scratch` is a folder of this machine."""

    key: Callable[[], RemoteKey]
    scratch: str


def open_remote(url: str, environ: Mapping[str, str] | None = None, encryption: Encryption | None = None) -> Remote:
    """Return the remote at a URL or in a local directory; nothing is asked of it yet.

    Args:
        url: a path, `s3://`, `ssh://`, `sftp://`, `http://`, `https://`, `gs://`, `az://`, or what fsspec takes.
            `file://` and `local://` are taken literally, without %-escapes.
        environ: the variables in which a web proxy is looked for, and for Azure what says how to connect.
        encryption: where the key is; None for a remote that is plain.

    Raises:
        UnsupportedRemote: the URL's kind is unknown, has no meaning, or needs a package that is not installed.
        RemoteUnreachable: it is of a kind that connects at once, and that failed.
    """
    shown = shown_url(url)
    try:
        storage = _storage_of(url, environ or {})
    except ValueError as error:
        raise UnsupportedRemote(f"{shown} is no URL: {error}", "correct it: like this: https://HOST/PATH") from error
    except OSError as error:  # some kinds connect at once
        raise unreachable(shown, "connecting", error) from error
    if encryption is not None:
        from repro.store.encryption.storage import EncryptedStorage

        storage = EncryptedStorage(storage, encryption.key, encryption.scratch, shown)
    return Remote(storage, shown)


def shown_url(url: str) -> str:
    """Return the URL without credentials."""
    shown = re.sub(r"(?<=://)[^/@]*@", "", url)
    return shown.partition("?")[0] if url.startswith(("http://", "https://")) else shown  # a token may stand there


def _storage_of(url: str, environ: Mapping[str, str]) -> Storage:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme in ("file", "local"):
        if separator and not rest.startswith("/"):
            raise UnsupportedRemote(
                f"{shown_url(url)} names no absolute path", f"like this: {scheme}:///PATH; or name the directory itself"
            )
        from repro.store.storages.directory import DirectoryStorage

        return DirectoryStorage(os.path.abspath(rest if separator else url))
    if scheme == "s3":
        from repro.store.storages.s3 import S3Storage

        return S3Storage(url)
    if scheme in ("ssh", "sftp"):
        from repro.store.storages.sftp import SftpStorage

        return SftpStorage(url)
    if scheme in ("http", "https"):
        from repro.store.storages.http import HttpStorage

        return HttpStorage(url, environ)
    if scheme in ("gs", "gcs"):
        from repro.store.storages.google import GoogleStorage

        return GoogleStorage(url, environ)
    if scheme in ("az", "abfs", "abfss"):
        from repro.store.storages.azure import AzureStorage

        return AzureStorage(url, environ)
    from repro.store.storages.fsspec import FsspecStorage

    return FsspecStorage(url)
