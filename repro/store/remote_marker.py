"""The file that says that a place is a remote, and of which format."""

from __future__ import annotations

from repro.model.record import BadRecord, Fields
from repro.store.remote_errors import NotARemote
from repro.store.remote_names import MARKER

FORMAT = 1
MARK = b'{"repro-remote": %d}\n' % FORMAT
MARK_LIMIT = 64 * 1024
"""Bytes of a marker that are looked at."""


def check_mark(data: bytes, shown: str) -> None:
    """Refuse a marker that is none, or another format's.

    Raises:
        NotARemote: it is damaged.
        NewerFormat: a newer repro made it.
    """
    import json

    try:
        Fields(json.loads(data), f"{MARKER} in {shown}").version(FORMAT, key="repro-remote")
    except (ValueError, BadRecord, RecursionError) as error:
        raise NotARemote(f"{MARKER} in {shown} is damaged: {error}") from None
