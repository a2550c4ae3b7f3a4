"""Uploads in parts to a bucket of S3 that nobody ended: their parts cannot be seen, and are paid for."""

from __future__ import annotations

import contextlib
from typing import Any

from repro.store.storages.s3_errors import s3_errors
from repro.store.storages.storage import Unfinished


def unfinished_uploads(client: Any, bucket: str, prefix: str) -> list[Unfinished]:
    """Return the uploads of keys that begin with a prefix, with the bytes of their parts.

    Args:
        client: of botocore.
        bucket: its name.
        prefix: with its final slash.

    Raises: as `s3_errors`.
    """
    with s3_errors(bucket):
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        begun = [upload for page in pages for upload in page.get("Uploads", ())]
    found = []
    for upload in begun:
        key, name = upload["Key"], upload["UploadId"]
        with contextlib.suppress(FileNotFoundError), s3_errors(bucket):  # it ended in this moment
            parts = client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=name)
            size = sum(int(part["Size"]) for page in parts for part in page.get("Parts", ()))
            found.append(Unfinished(key, size, upload["Initiated"].timestamp(), name))
    return found


def end_upload(client: Any, bucket: str, unfinished: Unfinished) -> None:
    """End an upload, which removes its parts; one that has ended is no error.

    Raises: as `s3_errors`.
    """
    with contextlib.suppress(FileNotFoundError), s3_errors(bucket):
        client.abort_multipart_upload(Bucket=bucket, Key=unfinished.name, UploadId=unfinished.upload)
