"""What the failures of S3 mean: absent, refused, or worth another attempt."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.store.storages.storage import PlaceRefuses

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList; other servers use the same words.
_PASSING = {
    "BadDigest",  # the bytes were changed on the way
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
_PASSING_STATUS = {408, 429, 500, 502, 503, 504}
_ABSENT = {"404", "NoSuchKey", "NoSuchUpload", "NotFound"}
_HINTS = {
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "the bucket is in another region: add ?region=NAME to the URL, or set AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: add ?region=NAME to the URL, or set AWS_REGION",
}
_CREDENTIALS = "check AWS_PROFILE, AWS_ACCESS_KEY_ID and ~/.aws; s3:GetObject, PutObject and ListBucket are needed"


@contextmanager
def s3_errors(bucket: str) -> Iterator[None]:
    """Turn botocore's failures into OSErrors as `storages.storage.Storage` has them.

    Raises:
        FileNotFoundError: there is no such key.
        ConnectionError: it may succeed later.
        PlaceRefuses: it will not.
    """
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    try:
        yield
    except exceptions.ClientError as error:
        raise _meaning(error, bucket) from error
    except exceptions.SSLError as error:
        raise PlaceRefuses(str(error), "check the endpoint's certificate, and AWS_CA_BUNDLE") from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError) as error:
        raise ConnectionError(str(error)) from error
    except ResponseParserError as error:
        raise ConnectionError(f"the answer is no answer of S3: {error}") from error
    except ValueError as error:
        raise PlaceRefuses(str(error), "like this: ?endpoint=https://s3.example.org") from error
    except exceptions.BotoCoreError as error:
        raise PlaceRefuses(str(error), _CREDENTIALS) from error


def error_code(error: BaseException | None) -> str | None:
    """Return the code by which the server said what is wrong, None where it is no answer of its."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else None


def _meaning(error: ClientError, bucket: str) -> OSError:
    problem = error.response.get("Error", {})
    code = str(problem.get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    said = ": ".join(filter(None, (code, str(problem.get("Message", "")))))
    if code == "NoSuchBucket":
        hint = "check its name and the endpoint; repro makes no buckets: make it with your provider's tool"
        return PlaceRefuses(f"there is no bucket {bucket}", hint)
    if code in _ABSENT:
        return FileNotFoundError(errno.ENOENT, said)
    if code in _PASSING or status in _PASSING_STATUS:
        return ConnectionError(said)
    if code in _HINTS:
        return PlaceRefuses(said, _HINTS[code])
    return PlaceRefuses(said, _CREDENTIALS if status in (401, 403) else None)
