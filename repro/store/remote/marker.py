"""The file that says that a place is a remote, and of which format."""

from __future__ import annotations

from repro.errors import RemoteError
from repro.model.record import BadRecord, Fields
from repro.store.remote.names import MARKER
from repro.store.storages.errors import NotARemote

FORMAT = 1
MARK = b'{"repro-remote": %d}\n' % FORMAT
MARK_LIMIT = 64 * 1024
"""Bytes of a marker that are looked at."""

ENCRYPTION = "encryption"
"""The key of what an encrypted remote's marker says of that; see `repro.store.encryption.marker`."""


class EncryptedRemote(RemoteError):
    """The remote is encrypted, and nothing says where its key is."""

    id = "encrypted-remote"


def check_mark(data: bytes, shown: str) -> None:
    """Refuse a marker that is none, another format's, or an encrypted remote's.

    Raises:
        EncryptedRemote: it was opened as if it were plain.
        NotARemote: it is damaged.
        NewerFormat: a newer repro made it.
    """
    import json

    try:
        fields = Fields(json.loads(data), f"{MARKER} in {shown}")
        fields.version(FORMAT, key="repro-remote")
    except (ValueError, BadRecord, RecursionError) as error:
        raise NotARemote(f"{MARKER} in {shown} is damaged: {error}") from None
    if fields.take(ENCRYPTION) is not None:
        raise EncryptedRemote(
            f"{shown} is encrypted, and nothing here says where its key is",
            "`repro remote key NAME --key-file PATH` for a remote of the settings; for a URL, REPRO_KEY_FILE=PATH",
        )
