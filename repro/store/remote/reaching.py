"""Which failure of a place is which error, with the remote's name and what was tried of it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from repro.store.storages.errors import RemoteRefused, is_unreachable, unreachable
from repro.store.storages.retries import TRANSIENT
from repro.store.storages.storage import ListsNothing, PlaceRefuses


@contextmanager
def reaching(shown: str, doing: str, writing: bool = False) -> Iterator[None]:
    """Turn the place's failures into what they mean; "not found" passes as it is, unless we are `writing`.

    Args:
        shown: the remote's URL without credentials.
        doing: what is tried of it.
        writing: "not found" is an accident, and no answer.

    Raises:
        RemoteUnreachable, RemoteRefused: naming the remote and what was tried.
        FileNotFoundError: the place has no such file.
        ListsNothing: the place cannot say what it has.
    """
    try:
        yield
    except TRANSIENT as error:
        raise unreachable(shown, doing, error) from error
    except OSError as error:
        if isinstance(error, ListsNothing) or (isinstance(error, FileNotFoundError) and not writing):
            raise
        if is_unreachable(error):
            raise unreachable(shown, doing, error) from error
        reason = error.strerror or str(error)
        hint = error.hint if isinstance(error, PlaceRefuses) else _hint(error)
        raise RemoteRefused(f"the remote {shown} refused ({doing}: {reason})", hint) from error


def _hint(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room there, then do it again: what has arrived is not sent again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "check who may read and write there"
    return None
