"""What the files of an encrypted remote are called; format.md, section "Encrypted remote".

Each component is encrypted by itself, by AES-256-SIV (RFC 5297), which is deterministic: whoever has the key finds a
file by its name and lists a folder; whoever has not cannot tell what a name says, nor whether he guesses it.
"""

from __future__ import annotations

import base64
import binascii
import errno

LONGEST = 143
"""Bytes of a component that still gives one of at most 255 characters."""

_DOMAIN = b"repro-encrypted-name 1"


class NameCipher:
    """Encrypts and decrypts names, which are relative and separated by `/`. Safe to be used by several threads."""

    def __init__(self, key: bytes) -> None:
        """Take the remote's key for names, 64 bytes."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._siv = AESSIV(key)

    def encrypt(self, name: str) -> str:
        """Return what `name` is called in the remote.

        Raises:
            OSError: a component is longer than `LONGEST`.
        """
        components = name.split("/")
        if max(map(len, components)) > LONGEST:
            raise OSError(errno.ENAMETOOLONG, f"in an encrypted remote a name has at most {LONGEST} characters")
        return "/".join(
            _text(self._siv.encrypt(component.encode("ascii"), _bound_to("/".join(components[:at]))))
            for at, component in enumerate(components)
        )

    def decrypt(self, name: str) -> str | None:
        """Return the name that is called so in the remote; None where this key has made no such name."""
        from cryptography.exceptions import InvalidTag

        plain = ""
        for component in name.split("/"):
            try:
                data = base64.b32decode(component.upper() + "=" * (-len(component) % 8))
                if _text(data) != component or len(data) <= 16:
                    return None
                found = self._siv.decrypt(data, _bound_to(plain)).decode("ascii")
            except (binascii.Error, InvalidTag, ValueError):
                return None
            plain = f"{plain}/{found}" if plain else found
        return plain


def _bound_to(parent: str) -> list[bytes]:
    """Return the associated data: a component counts in its own folder only."""
    return [_DOMAIN, b"/" + parent.encode("ascii")]


def _text(data: bytes) -> str:
    """Return base32 (RFC 4648) in lower case without padding: it survives file systems that fold case."""
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
