"""What is derived from the key of an encrypted remote; format.md, section "Encrypted remote"."""

from __future__ import annotations

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass, field
from repro.model.remote_key import RemoteKey


class NoCryptography(CannotProceed):
    """The package that encrypts is not installed."""

    id = "no-cryptography"


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """Independent keys for names (64 bytes, AES-256-SIV) and contents (32 bytes), and the marker's `check`.

    `check` tells whether two keys are the same, and nothing else about them.
    """

    names: bytes = field(repr=False)
    contents: bytes = field(repr=False)
    check: str


def derive_keys(key: RemoteKey) -> DerivedKeys:
    """Return what a remote's key gives: HKDF-SHA256 (RFC 5869) without salt, as the key is uniformly random.

    Raises:
        NoCryptography: the package `cryptography` is not installed.
    """
    return DerivedKeys(
        names=hkdf(key.secret, None, b"repro-remote 1 names", 64),
        contents=hkdf(key.secret, None, b"repro-remote 1 contents", 32),
        check=hkdf(key.secret, None, b"repro-remote 1 check", 16).hex(),
    )


def hkdf(secret: bytes, salt: bytes | None, info: bytes, length: int) -> bytes:
    """Return `length` bytes of HKDF-SHA256.

    Raises:
        NoCryptography: the package `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        raise NoCryptography(
            "an encrypted remote needs the package cryptography", "pip install 'repro-run[crypto]'"
        ) from None
    return HKDF(SHA256(), length, salt, info).derive(secret)
