"""The checksum that goes along with an upload: MD5, which every store of buckets compares. It proves nothing else."""

from __future__ import annotations

import base64
from typing import Protocol


class Readable(Protocol):
    """What is sent."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only."""
        ...

    def seek(self, offset: int, /) -> int:
        """Read on from `offset`."""
        ...

    def tell(self) -> int:
        """Where reading goes on."""
        ...


def md5_of(file: Readable) -> bytes:
    """Return the checksum of what is left of a file, which is wound back."""
    import hashlib

    start = file.tell()
    found = hashlib.md5(usedforsecurity=False)
    while block := file.read(1024 * 1024):
        found.update(block)
    file.seek(start)
    return found.digest()


def base64_text(data: bytes) -> str:
    """Return bytes in Base64, as headers have them."""
    return base64.b64encode(data).decode()
