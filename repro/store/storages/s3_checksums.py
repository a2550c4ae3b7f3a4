"""The checksum that goes along with an upload to a bucket, and what the server's answer says of it.

CRC32 where the server is known to compare it, else MD5, which all of them compare: `docs/adr/0030`.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import zlib
from typing import Any, Protocol

from repro.store.storages.s3_errors import error_code, s3_errors
from repro.store.storages.storage import PlaceRefuses
from repro.store.storages.upload_sums import Readable, SpoiledUpload, base64_text, crc32_of, md5_of

_OTHER_BYTES = {"BadDigest", "XAmzContentChecksumMismatch"}
"""How servers say that a checksum is of other bytes: Amazon, Ceph, SeaweedFS; MinIO."""


class UploadSum(Protocol):
    """A checksum of what is sent."""

    def arguments(self) -> dict[str, str]:
        """Return it as botocore takes it."""
        ...

    def is_confirmed(self, answer: dict[str, Any]) -> bool:
        """Whether the answer says that what is stored has it; false where it tells nothing.

        Raises:
            SpoiledUpload: it says that it has another.
        """
        ...


class Md5Sum:
    """`Content-MD5`. The answer's tag is the MD5 of what is stored, as a rule."""

    def __init__(self, body: bytes | Readable) -> None:
        self._value = hashlib.md5(body, usedforsecurity=False).digest() if isinstance(body, bytes) else md5_of(body)

    def arguments(self) -> dict[str, str]:
        """Return it as botocore takes it."""
        return {"ContentMD5": base64_text(self._value)}

    def is_confirmed(self, answer: dict[str, Any]) -> bool:
        """As `UploadSum`: a tag that was made otherwise, as of what is encrypted, tells nothing."""
        tag = str(answer.get("ETag", "")).strip('"').lower()
        tells = re.fullmatch("[0-9a-f]{32}", tag) and answer.get("ServerSideEncryption", "AES256") == "AES256"
        if not tells or "SSECustomerAlgorithm" in answer:
            return False
        if tag != self._value.hex():
            raise SpoiledUpload(f"what is stored has the checksum {tag}, and {self._value.hex()} was sent")
        return True


class Crc32Sum:
    """`x-amz-checksum-crc32`, for servers that compare it."""

    def __init__(self, body: bytes | Readable) -> None:
        value = zlib.crc32(body) if isinstance(body, bytes) else crc32_of(body)
        self._value = base64_text(value.to_bytes(4, "big"))

    def arguments(self) -> dict[str, str]:
        """Return it as botocore takes it."""
        return {"ChecksumCRC32": self._value}

    def is_confirmed(self, answer: dict[str, Any]) -> bool:
        """As `UploadSum`."""
        told = answer.get("ChecksumCRC32")
        if told not in (None, self._value):
            raise SpoiledUpload(f"what is stored has the checksum {told}, and {self._value} was sent")
        return told is not None


def compares_crc32(client: Any, bucket: str, key: str) -> bool:
    """Whether a server refuses a byte whose CRC32 is another. One that takes it is asked to delete it again.

    Args:
        client: botocore's.
        bucket: where.
        key: for the byte; nothing else is stored there.

    Raises:
        OSError: as `s3_errors`, where it may be answered later.
    """
    try:
        with s3_errors(bucket):
            client.put_object(Bucket=bucket, Key=key, Body=b"0", **Crc32Sum(b"1").arguments())
    except OSError as error:
        if says_other_bytes(error):
            return True
        if isinstance(error, PlaceRefuses):  # it knows no such header; or whatever it is, the upload will say so
            return False
        raise
    with contextlib.suppress(OSError), s3_errors(bucket):
        client.delete_object(Bucket=bucket, Key=key)
    return False


def says_other_bytes(error: OSError) -> bool:
    """Whether an upload failed since the server has compared the checksum, and it was of other bytes."""
    return error_code(error.__cause__) in _OTHER_BYTES
