"""The marker of an encrypted remote, its only file that is plain: it says so, how, and for which key."""

from __future__ import annotations

from typing import Any

from repro.errors import RemoteError
from repro.model.record import BadRecord, Fields
from repro.store.remote.marker import ENCRYPTION
from repro.store.remote.names import MARKER
from repro.store.storages.errors import NotARemote

VERSION = 1
_CIPHER = "aes-256-gcm, segments of 64 KiB"
_NAMES = "aes-256-siv, base32"


class PlainRemote(RemoteError):
    """The remote is not encrypted, and a key is configured for it: what is pushed would be readable there."""

    id = "plain-remote"


class WrongKey(RemoteError):
    """The remote is encrypted with another key."""

    id = "wrong-key"


def encrypted_mark(plain: bytes, check: str) -> bytes:
    """Return the marker of an encrypted remote, whose plain one would be `plain`; it has no salt or time in it.

    Two who make one remote with one key at the same time write the same.
    """
    import json

    encryption = {"version": VERSION, "contents": _CIPHER, "names": _NAMES, "check": check}
    return _rendered({**json.loads(plain), ENCRYPTION: encryption})


def opened_mark(data: bytes, check: str, shown: str) -> bytes:
    """Return the marker without what it says of encryption; one that is damaged as it is, for others to refuse.

    Raises:
        PlainRemote: it says nothing of encryption.
        WrongKey: it was made for another key.
        NewerFormat: a newer repro made it.
        NotARemote: what it says of encryption is damaged.
    """
    import json

    try:
        mark: Any = json.loads(data)
    except (ValueError, RecursionError):
        return data
    if not isinstance(mark, dict):
        return data
    if ENCRYPTION not in mark:
        raise PlainRemote(
            f"{shown} is not encrypted, and a key is configured for it: what is pushed could be read there",
            "name another place; or, if it is to be plain, take the `encryption` of the remote out of the settings",
        )
    try:
        fields = Fields(mark.pop(ENCRYPTION), f"{MARKER} in {shown}: {ENCRYPTION}")
        fields.version(VERSION, key="version")
        found = fields.text("check")
    except BadRecord as error:
        raise NotARemote(f"{MARKER} in {shown} is damaged: {error}") from None
    if found != check:
        raise WrongKey(f"{shown} is encrypted with another key", "get the key from whoever made the remote")
    return _rendered(mark)


def _rendered(mark: dict[str, Any]) -> bytes:
    import json

    return json.dumps(mark).encode() + b"\n"
