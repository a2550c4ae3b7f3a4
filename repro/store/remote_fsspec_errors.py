"""What the failures of fsspec's clients for Google's and Azure's stores mean: absent, refused, or passing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from repro.store.remote_storage import PlaceRefuses
from repro.store.retries import GaveUp

GOOGLE = {"gs", "gcs"}
AZURE = {"az", "abfs", "abfss"}

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_GOOGLE_HINT = "check GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, and the bucket's name"
_AZURE_HINT = "check AZURE_STORAGE_CONNECTION_STRING, or _ACCOUNT_NAME and _ACCOUNT_KEY, and the container's name"


@contextmanager
def fsspec_errors(scheme: str) -> Iterator[None]:
    """Turn a client's failures into OSErrors as `remote_storage.Storage` has them; other kinds' pass as they are.

    Both clients repeat what fails, so that what fails at last is not tried again.

    Raises:
        FileNotFoundError: there is no such file.
        GaveUp: it was tried often enough.
        PlaceRefuses: it will not.
    """
    if scheme in AZURE:
        with _azure_errors():
            yield
    elif scheme in GOOGLE:
        with _google_errors():
            yield
    else:
        yield


@contextmanager
def _azure_errors() -> Iterator[None]:
    from azure.core import exceptions

    try:
        yield
    except exceptions.HttpResponseError as error:
        code = str(getattr(error, "error_code", "") or "")
        said = f"HTTP {error.status_code} {code or (error.message or '').partition(chr(10))[0]}".strip()
        raise _meaning(error.status_code, said, code in ("", "BlobNotFound"), _AZURE_HINT) from error
    except exceptions.AzureError as error:
        raise GaveUp(str(error)) from error


@contextmanager
def _google_errors() -> Iterator[None]:
    from aiohttp import ClientError
    from gcsfs.retry import HttpError
    from google.auth import exceptions

    try:
        yield
    except HttpError as error:
        status = int(error.code) if str(error.code).isdecimal() else None
        raise _meaning(status, str(error), True, _GOOGLE_HINT) from error
    except exceptions.GoogleAuthError as error:
        raise PlaceRefuses(str(error), _GOOGLE_HINT) from error
    except ClientError as error:
        raise GaveUp(str(error)) from error


def _meaning(status: int | None, said: str, is_absence: bool, hint: str) -> OSError:
    if status == 404 and is_absence:
        return FileNotFoundError(errno.ENOENT, said)
    if status in _PASSING:
        return GaveUp(said)
    return PlaceRefuses(said, hint)
