"""What the settings say of a remote's encryption: that it is encrypted, and where its key is."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from enum import StrEnum

from repro.model.dataclass import dataclass

REQUIRED = "required"
"""What a settings file says that knows that a remote is encrypted, and does not know where the key is."""


class KeyKind(StrEnum):
    """Where a key can be, by the settings' words."""

    FILE = "key_file"
    COMMAND = "key_command"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a key is: a file's path, a shell command, or the name of a keyring's entry.

    `said_in` is the settings file that says so: a path in the project, or an absolute one.
    """

    kind: KeyKind
    value: str
    said_in: str


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A remote is encrypted; `key` is None where nobody said where its key is."""

    key: KeySource | None


def encryption_at(place: str, remotes: Mapping[str, str], encryption: Mapping[str, Encrypted]) -> Encrypted | None:
    """Return how the place is encrypted according to the remotes of the settings; None where none of them says so.

    Of several remotes at one place, one whose key is known counts.

    Args:
        place: a URL or an absolute path.
        remotes: their URLs and absolute paths, by name.
        encryption: by name.
    """
    wanted = _normal(place)
    found = [encryption[name] for name, url in remotes.items() if name in encryption and _normal(url) == wanted]
    return next((encrypted for encrypted in found if encrypted.key is not None), found[0] if found else None)


def is_configured(place: str, remotes: Mapping[str, str]) -> bool:
    """Whether a remote of the settings is at the place."""
    wanted = _normal(place)
    return any(_normal(url) == wanted for url in remotes.values())


def _normal(place: str) -> str:
    scheme, separator, rest = place.partition("://")
    if not separator or scheme in ("file", "local"):
        return posixpath.normpath(rest if separator else place)
    return place.rstrip("/")
