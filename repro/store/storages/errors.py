"""What can go wrong with a remote: unreachable, refused, absent and wrong are four different things."""

from __future__ import annotations

import errno

from repro.errors import CannotProceed, IntegrityError, RemoteError
from repro.model.digest import Digest


class RemoteUnreachable(RemoteError):
    """The remote did not answer, as often as it was tried."""

    id = "remote-unreachable"


class UnsupportedRemote(RemoteError):
    """A URL of a kind that is unknown, has no meaning, or needs a package which is not installed."""

    id = "unsupported-remote"


class RemoteRefused(RemoteError):
    """The remote answered, and does not do what was asked: permission, space, a limit."""

    id = "remote-refused"


class RemoteListsNothing(RemoteError):
    """The remote gives files by name only: what it has cannot be asked."""

    id = "remote-lists-nothing"


class NotARemote(RemoteError):
    """The place is a file, or holds something else, or holds nothing where something is to be read."""

    id = "not-a-remote"


class NotOnRemote(CannotProceed):
    """The remote was reached, and does not have it."""

    id = "not-on-remote"


class RemoteConflict(IntegrityError):
    """The remote has other bytes under a name that never changes."""

    id = "remote-conflict"


class TooLong(IntegrityError):
    """A file of the remote is longer than it was declared."""

    id = "too-long"


class MissingOnRemote(CannotProceed):
    """Objects that are needed are not on the remote; `digests` names them all."""

    id = "missing-on-remote"

    def __init__(self, shown: str, digests: tuple[Digest, ...]) -> None:
        more = f" and {len(digests) - 3} more" if len(digests) > 3 else ""
        super().__init__(
            f"{shown} does not have {len(digests)} of the objects: {', '.join(digests[:3])}{more}",
            "push them from where they were made: repro push",
        )
        self.digests = digests


class CorruptRemoteObject(IntegrityError):
    """What a remote has under an object's name is something else. Nothing was deleted there."""

    id = "corrupt-remote-object"


_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOTCONN, errno.ESTALE}


def is_unreachable(error: OSError) -> bool:
    """Whether a system's error says that there is no way to the place: no such host, no route, no server."""
    import socket

    return error.errno in _NO_WAY or isinstance(error, (socket.gaierror, ConnectionError, TimeoutError))


def unreachable(shown: str, doing: str, error: OSError) -> RemoteUnreachable:
    """Return the error that names the remote, and what was tried of it when the connection failed."""
    return RemoteUnreachable(
        f"the remote {shown} cannot be reached ({doing}: {error.strerror or error})",
        "check the address, and try again when the network is back",
    )
