"""The key of an encrypted remote, as text; specified in `docs/reference/format.md`, section "Encrypted remote"."""

from __future__ import annotations

import base64
import binascii

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass, field
from repro.model.pattern import pattern

SIZE = 32
"""Bytes of a key."""

_BEGIN = "repro-key-1:"
_CHECKSUM = 4  # bytes: a typing error in 4 billion passes, and is then a key that opens nothing
_TEXT = pattern(rf"{_BEGIN}([A-Za-z0-9_-]{{48}})")  # 36 bytes
_ANY_VERSION = pattern(r"repro-key-(\d{1,4}):")


class BadKey(CannotProceed):
    """What should be a remote's key is none. The message never has the text: it may be another secret."""

    id = "bad-key"


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """32 random bytes from which everything that encrypts a remote is derived. It is never shown."""

    secret: bytes = field(repr=False)


def key_text(key: RemoteKey) -> str:
    """Return the key as one line, without its line end."""
    return _BEGIN + base64.urlsafe_b64encode(key.secret + _checksum(key.secret)).decode()


def parse_key(text: str, where: str) -> RemoteKey:
    """Return the key that a text is; white space around it does not count.

    Args:
        text: what a file has, a command printed, or a keyring gave.
        where: that, for messages.

    Raises:
        BadKey: it is no key, has a typing error, or is of a later version.
    """
    stripped = text.strip()
    version = _ANY_VERSION.match(stripped)
    if version and version[0] != _BEGIN:
        raise BadKey(f"{where} has a key of version {version[1]}; this repro knows version 1", "install a newer repro")
    found = _TEXT.fullmatch(stripped)
    if not found:
        raise BadKey(f"{where} has no key of repro", f"a key is one line that begins with {_BEGIN}")
    try:
        data = base64.urlsafe_b64decode(found[1])
    except binascii.Error:
        raise BadKey(f"{where} has no key of repro", f"a key is one line that begins with {_BEGIN}") from None
    secret, checksum = data[:SIZE], data[SIZE:]
    if checksum != _checksum(secret):
        raise BadKey(f"the key of {where} has a typing error: its checksum does not fit", "copy it once more")
    return RemoteKey(secret)


def _checksum(secret: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(_BEGIN.encode() + secret).digest()[:_CHECKSUM]
