"""What says that files of a remote are to be deleted. Specified in `docs/reference/remote.md`, section "Layout"."""

from __future__ import annotations

from collections.abc import Iterable

from repro.errors import IntegrityError

CONDEMNED_HEADER = "repro-condemned 1"


class BadCondemned(IntegrityError):
    """What should say which files are to be deleted does not say it."""

    id = "bad-condemned"


def render_condemned(names: Iterable[str]) -> bytes:
    """Return the file that condemns the files of these names."""
    return "".join(f"{line}\n" for line in [CONDEMNED_HEADER, *sorted(names)]).encode()


def parse_condemned(data: bytes, shown: str) -> frozenset[str]:
    """Return the names of the files that are to be deleted.

    Args:
        data: the file's bytes.
        shown: what it is called, for messages.

    Raises:
        BadCondemned: it is none, or of a newer version: then nobody knows what will be deleted.
    """
    try:
        header, *names = data.decode("ascii").splitlines()
    except ValueError:
        header, names = "", []
    if header != CONDEMNED_HEADER:
        raise BadCondemned(f"{shown} does not begin with {CONDEMNED_HEADER!r}", "update repro, or delete the file")
    return frozenset(names)
