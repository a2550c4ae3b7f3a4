"""The packs of a remote with their ages by its own clock, and what of them is condemned."""

from __future__ import annotations

import os
from collections.abc import Iterable

from repro.model.dataclass import dataclass
from repro.model.digest import Digest, digest_of
from repro.model.packs.condemned import parse_condemned, render_condemned
from repro.model.packs.pack_index_format import PackFile
from repro.store.remote.names import digest_in_name, pack_name
from repro.store.remote.remote import Remote
from repro.store.storages.errors import NotOnRemote, RemoteUnreachable

_MAX_CONDEMNED = 256 * 1024 * 1024
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Condemnation:
    """A file that condemns packs: what it is called, when it was written by the place's clock, the packs' names."""

    name: str
    written: float
    packs: frozenset[str]


@dataclass(frozen=True, slots=True)
class PacksThere:
    """The packs of a remote, with the time when each was written, in seconds by the place's clock."""

    written: dict[PackFile, float]

    def lengths(self) -> dict[Digest, int]:
        """Return each pack's length in bytes."""
        return {pack.digest: pack.length for pack in self.written}


def packs_there(remote: Remote) -> PacksThere:
    """List the packs.

    Raises:
        RemoteError: it cannot be reached, refuses, or cannot say what it has.
    """
    found = ((digest_in_name(entry.name), entry) for entry in remote.entries("packs"))
    return PacksThere({PackFile(digest, entry.size): entry.modified for digest, entry in found if digest is not None})


def condemnations(remote: Remote) -> list[Condemnation]:
    """Return what is condemned.

    Raises:
        BadCondemned: a file cannot be understood.
        RemoteError: as `packs_there`.
    """
    found = []
    for entry in remote.entries("condemned"):
        try:
            data = remote.read(entry.name, _MAX_CONDEMNED)
        except NotOnRemote:
            continue  # a gc is done with it: what it named is deleted, or pardoned
        names = parse_condemned(data, f"{remote.shown}/{entry.name}")
        found.append(Condemnation(entry.name, entry.modified, names))
    return found


def condemn(remote: Remote, packs: Iterable[PackFile]) -> None:
    """Say that packs are to be deleted: from now on, no push relies on them.

    Raises:
        RemoteError: it cannot be reached, or refuses.
    """
    data = render_condemned(pack_name(pack.digest) for pack in packs)
    remote.put_bytes(f"condemned/{digest_of(data)[3:]}", data)


def clock_of(remote: Remote) -> float:
    """Return the time by the place's own clock, in seconds since the epoch: this machine's may be wrong by years.

    Raises:
        RemoteError: it cannot be reached, refuses, or is no remote.
    """
    remote.list("condemned")  # a place that is no remote must not become one
    for _ in range(_ATTEMPTS):
        name = f"condemned/now-{os.urandom(8).hex()}"
        remote.put_bytes(name, render_condemned(()))
        try:
            times = [entry.modified for entry in remote.entries("condemned") if entry.name == name]
        finally:
            remote.delete(name)
        if times:  # else another gc has cleaned up
            return times[0]
    raise RemoteUnreachable(f"{remote.shown} does not list what was written there just now", "try again later")
