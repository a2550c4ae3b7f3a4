"""Object identity: BLAKE3-256, written `b3:` and 64 lower-case hex digits (anyone can check it with `b3sum`)."""

from __future__ import annotations

from typing import NewType

from repro.errors import IntegrityError
from repro.model.pattern import pattern

Digest = NewType("Digest", str)
"""`b3:<64 hex>`. Made by `digest_of` or `parse_digest` only."""

_DIGEST = pattern(r"b3:[0-9a-f]{64}")


class BadDigest(IntegrityError):
    """A text that should name an object does not."""

    id = "bad-digest"


def digest_of(data: bytes | memoryview) -> Digest:
    """Return the digest of bytes held in memory; files are hashed in `repro.store.files.hashing`."""
    from blake3 import blake3

    return Digest("b3:" + blake3(data).hexdigest())


def parse_digest(text: object) -> Digest:
    """Return `text` as a digest.

    Raises:
        BadDigest: not `b3:` and 64 lower-case hex digits.
    """
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise BadDigest(f"{text!r} is not a digest (b3: and 64 hex digits)")
    return Digest(text)


def hex_of(digest: Digest) -> str:
    """Return the 64 hex digits."""
    return digest[3:]


def raw_of(digest: Digest) -> bytes:
    """Return the 32 bytes of a digest, by which packs, indexes and memos have it."""
    return bytes.fromhex(digest[3:])


def digest_from(raw: bytes) -> Digest:
    """Return 32 bytes as a digest."""
    return Digest("b3:" + raw.hex())
