"""An index of a remote names what has arrived in packs there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repro.model.digest import digest_of
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_entries
from repro.store.packs.spots import kind_of, split_entries
from repro.store.remote.names import index_name
from repro.store.remote.objects import RemoteObjects
from repro.store.transfer.sent_packs import SentPack


def write_index(objects: RemoteObjects, named: Mapping[PackFile, bytes]) -> bool:
    """Name records, as `decode_spots` takes them, of packs that have arrived; return whether there were any.

    Raises:
        RemoteError: the remote cannot be reached, or refuses.
    """
    packs = [pack for pack, entries in named.items() if entries]
    if not packs:
        return False
    entries = [entry for position, pack in enumerate(packs) for entry in split_entries(named[pack], position)]
    data = encode_entries(packs, entries)
    digest = digest_of(data)
    objects.remote.flush()  # an index must not survive a power cut that its packs do not
    objects.remote.put_bytes(index_name(digest), data)
    objects.published(digest, data, packs)
    return True


def arrived_alone(packs: Iterable[SentPack]) -> dict[PackFile, bytes]:
    """Return what may be named of packs whatever else arrives: no trees, and no lists of chunks."""
    return {
        sent.arrives.result(): b"".join(
            row for row in split_entries(sent.records) if kind_of(row) is not RecordKind.CHUNKS
        )
        for sent in packs
        if sent.has_arrived
    }
