"""The checksums that go along with an upload, by which the server finds what the way there has changed, and what is
done with what was changed all the same. They prove nothing else."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol


class SpoiledUpload(ConnectionError):
    """A place took what was sent, and stores something else. A lost connection says nothing of that."""


@contextlib.contextmanager
def removed_if_spoiled(delete: Callable[[str], None], name: str) -> Iterator[None]:
    """Leave nothing under a name that a server took and spoiled: the next push would believe it by its length."""
    try:
        yield
    except SpoiledUpload:
        with contextlib.suppress(OSError):
            delete(name)
        raise


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
    """Return the MD5 of what is left of a file, which is wound back."""
    import hashlib

    found = hashlib.md5(usedforsecurity=False)
    for block in _blocks(file):
        found.update(block)
    return found.digest()


def crc32_of(file: Readable) -> int:
    """Return the CRC-32 (of zlib, of ISO 3309) of what is left of a file, which is wound back."""
    import zlib

    found = 0
    for block in _blocks(file):
        found = zlib.crc32(block, found)
    return found


def _blocks(file: Readable) -> Iterator[bytes]:
    start = file.tell()
    while block := file.read(1024 * 1024):
        yield block
    file.seek(start)


def base64_text(data: bytes) -> str:
    """Return bytes in Base64, as headers have them."""
    return base64.b64encode(data).decode()
