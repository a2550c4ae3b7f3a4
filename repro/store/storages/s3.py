"""A remote in a bucket of S3, or of a server that speaks its protocol.

By botocore and not by fsspec's s3fs: its client is made for threads, and gives the stream of a download, the
checksum of an upload and the server's error code, which are all needed here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import threading
from typing import Any, BinaryIO

from repro.store.storages import storage
from repro.store.storages.errors import UnsupportedRemote
from repro.store.storages.file_part import FilePart
from repro.store.storages.retries import TRANSIENT, GaveUp, with_retries
from repro.store.storages.s3_checksums import Crc32Sum, Md5Sum, UploadSum, compares_crc32, says_other_bytes
from repro.store.storages.s3_errors import s3_errors
from repro.store.storages.s3_unfinished import end_upload, unfinished_uploads
from repro.store.storages.storage import NothingMore, StoredFile, StreamReader, Unfinished, check_range, read_all
from repro.store.storages.upload_sums import SpoiledUpload, removed_if_spoiled

PART = 64 * 1024 * 1024
"""Bytes of a part: 10,000 parts, which S3 allows, are 640 GB. What is an eighth longer at most goes whole: a pack is a
little longer than 64 MiB, and would go in one large part and a tiny one."""

CRC32_FROM = 4 * 1024 * 1024
"""Bytes from which a file is worth the question whether the server compares CRC32, which is a fifth of MD5's work."""

_CRC32_QUESTION = "repro-compares-crc32"
_MOST_PARTS = 10_000
_OPTIONS = ("endpoint", "profile", "region")
_making = threading.Lock()  # of clients: two threads that need the first one make one


class S3Storage:
    """The keys of a bucket that begin with a prefix."""

    def __init__(self, url: str) -> None:
        """Take `s3://BUCKET[/PREFIX][?endpoint=URL&profile=NAME&region=NAME]`; nothing is asked yet.

        What the URL does not say, botocore finds where all programs of its kind do: `AWS_*` variables, the files
        in `~/.aws`, the machine's role.

        Raises:
            UnsupportedRemote: the URL has no meaning, or botocore is not installed.
        """
        self._bucket, self._prefix, self._options = _parts_of(url)
        self._asking = threading.Lock()
        self._known_to_compare: bool | None = None  # CRC32
        try:
            import botocore.exceptions  # noqa: F401 (that it is there is all that is asked)
        except ImportError as error:
            raise UnsupportedRemote(
                "a remote at s3:// needs a package that is not installed", "pip install 'repro-run[s3]'"
            ) from error

    def is_file(self) -> bool:
        """Never: an object and a prefix of one name get on with each other."""
        return False

    def top_names(self) -> list[str]:
        """Return names directly under the prefix, as far as one answer tells them."""
        with self._errors():
            found = self._client().list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, Delimiter="/")
        keys = [entry["Key"] for entry in found.get("Contents", ())]
        folders = [entry["Prefix"] for entry in found.get("CommonPrefixes", ())]
        names = (key[len(self._prefix) :].rstrip("/") for key in (*keys, *folders))
        return sorted(filter(None, names))  # the prefix itself may be there, as a browser's "folder"

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Upload a file: in one request, or in parts which become a file when all have come."""
        size = os.stat(path).st_size
        with open(path, "rb") as file:
            if size <= PART + PART // 8:
                self._put(name, file, self._sum_of(file, size))
            else:
                self._put_parts(name, file, size)
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Upload bytes in one request."""
        self._put(name, data, self._sum_of(data, len(data)))

    def open(self, name: str) -> StreamReader:
        """Return a reader of one request's stream."""
        return StreamReader(lambda offset: self._get(name, offset), self._errors)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes of a range, by one request."""
        if length <= 0:
            return b""
        with contextlib.closing(self._get(name, offset, offset + length - 1)) as body, self._errors():
            return read_all(body, length)

    def size(self, name: str) -> int:
        """Return the length in bytes."""
        with self._errors():
            return int(self._client().head_object(Bucket=self._bucket, Key=self._prefix + name)["ContentLength"])

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the files whose names begin with the prefix, by one request per 1000."""
        start = f"{self._prefix}{prefix}/"
        with self._errors():
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            return [
                StoredFile(entry["Key"][len(self._prefix) :], int(entry["Size"]), entry["LastModified"].timestamp())
                for page in pages
                for entry in page.get("Contents", ())
            ]

    def delete(self, name: str) -> None:
        """Remove a key."""
        with contextlib.suppress(FileNotFoundError), self._errors():  # a few servers say that it is not there
            self._client().delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def unfinished(self) -> list[Unfinished]:
        """Return the uploads in parts that nobody ended, with the bytes of their parts."""
        return unfinished_uploads(self._client(), self._bucket, self._prefix)

    def drop(self, unfinished: Unfinished) -> None:
        """End an upload in parts, which removes them."""
        end_upload(self._client(), self._bucket, unfinished)

    def workshop(self) -> None:
        """There is none."""

    def flush(self) -> None:
        """Nothing to do: the answer to an upload says that it is stored."""

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return s3_errors(self._bucket)

    def _client(self) -> Any:
        with _making:
            return _make_client(
                self._options.get("endpoint"),
                self._options.get("profile"),
                self._options.get("region"),
                storage.CONNECT_TIMEOUT,
                storage.READ_TIMEOUT,
            )

    def _get(self, name: str, offset: int, last: int | None = None) -> Any:
        """Return the stream of the bytes from `offset` on, up to and with the byte `last`."""
        from botocore.exceptions import ClientError

        wanted = {"Range": f"bytes={offset}-{'' if last is None else last}"} if offset or last is not None else {}
        with self._errors():
            try:
                answer = self._client().get_object(Bucket=self._bucket, Key=self._prefix + name, **wanted)
            except ClientError as error:
                if wanted and error.response["ResponseMetadata"].get("HTTPStatusCode") == 416:
                    return NothingMore()  # the connection was lost after the last byte
                raise
        if last is not None:
            try:
                check_range(answer.get("ContentRange"), offset, last, answer["ContentLength"])
            except BaseException:
                answer["Body"].close()
                raise
        return answer["Body"]

    def _sum_of(self, body: bytes | BinaryIO, size: int) -> UploadSum:
        return Crc32Sum(body) if size >= CRC32_FROM and self._compares_crc32() else Md5Sum(body)

    def _compares_crc32(self) -> bool:
        with self._asking:
            if self._known_to_compare is None:
                key = self._prefix + _CRC32_QUESTION
                self._known_to_compare = compares_crc32(self._client(), self._bucket, key)
            return self._known_to_compare

    def _put(self, name: str, body: bytes | BinaryIO, checksum: UploadSum) -> None:
        try:
            with self._errors():
                answer = self._client().put_object(
                    Bucket=self._bucket, Key=self._prefix + name, Body=body, **checksum.arguments()
                )
        except ConnectionError as error:
            if says_other_bytes(error):
                self._known_to_compare = False  # else one that refuses right ones too would never get it
            raise
        with removed_if_spoiled(self.delete, name):
            if not checksum.is_confirmed(answer):  # this server makes its tags otherwise: the length must do
                self._require_length(name, len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size)

    def _put_parts(self, name: str, file: BinaryIO, size: int) -> None:
        target = {"Bucket": self._bucket, "Key": self._prefix + name}
        with self._errors():
            upload = {**target, "UploadId": self._client().create_multipart_upload(**target)["UploadId"]}
        try:
            parts = []
            step = max(PART, -(-size // _MOST_PARTS))
            for number, start in enumerate(range(0, size, step), 1):
                part = FilePart(file, start, min(step, size - start))
                parts.append({"PartNumber": number, "ETag": self._put_part(upload, number, part)})
            with self._errors():
                self._client().complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with contextlib.suppress(OSError), self._errors():  # else its parts would be stored and paid for
                self._client().abort_multipart_upload(**upload)
            raise
        with removed_if_spoiled(self.delete, name):
            self._require_length(name, size)

    def _put_part(self, upload: dict[str, str], number: int, part: FilePart) -> str:
        """Send one part, as often as it takes: a failure must not cost the parts before it."""
        checksum = Md5Sum(part)

        def send() -> str:
            part.seek(0)
            with self._errors():
                answer = self._client().upload_part(**upload, PartNumber=number, Body=part, **checksum.arguments())
            checksum.is_confirmed(answer)
            return str(answer["ETag"])

        try:
            return with_retries(send)
        except TRANSIENT as error:
            raise GaveUp(str(error)) from error

    def _require_length(self, name: str, size: int) -> None:
        found = self.size(name)
        if found != size:
            raise SpoiledUpload(f"{size} bytes were sent, and {found} are stored")


def _parts_of(url: str) -> tuple[str, str, dict[str, str]]:
    """Return bucket, prefix with its final slash, and options."""
    from urllib.parse import parse_qsl

    place, _, query = url.partition("://")[2].partition("?")
    bucket, _, prefix = place.partition("/")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option in options:
        if option not in _OPTIONS:
            raise UnsupportedRemote(f"{option!r} is no option of an s3:// URL", f"known are: {', '.join(_OPTIONS)}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]+", bucket):
        raise UnsupportedRemote(
            f"{bucket.rpartition('@')[2]!r} cannot be the name of a bucket",
            "like this: s3://BUCKET/PREFIX; credentials belong in ~/.aws or in AWS_* variables",
        )
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else "", options


@functools.cache
def _make_client(
    endpoint: str | None, profile: str | None, region: str | None, connect_timeout: float, read_timeout: float
) -> Any:
    """Return a client, which threads may share. It takes 0.3 s to make, so there is one per process and place."""
    from botocore.config import Config
    from botocore.session import Session

    session = Session(profile=profile)

    def make(style: dict[str, str]) -> Any:
        config = Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"total_max_attempts": 1},  # `Remote` repeats
            max_pool_connections=storage.CONNECTIONS,
            request_checksum_calculation="when_required",  # one goes along that the server is known to compare
            response_checksum_validation="when_required",  # the digest is compared, whoever the server is
            s3=style,
        )
        return session.create_client("s3", endpoint_url=endpoint, region_name=region, config=config)

    is_styled = "addressing_style" in (session.get_scoped_config().get("s3") or {})
    path_style = {"addressing_style": "path"}  # few servers but Amazon's have a host name for every bucket
    client = make(path_style if endpoint and not _is_amazon(endpoint) and not is_styled else {})
    if endpoint or is_styled or _is_amazon(client.meta.endpoint_url):
        return client
    return make(path_style)  # the endpoint came from the user's configuration


def _is_amazon(endpoint: str) -> bool:
    return re.search(r"\.amazonaws\.com(\.cn)?/?$", endpoint) is not None
