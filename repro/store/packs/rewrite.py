"""What is needed of packs that are mostly garbage, written to new packs."""

from __future__ import annotations

from collections.abc import Iterable

from repro.model.digest import Digest
from repro.model.packs.pack import HEAD_BYTES, BadPack, RecordKind
from repro.model.packs.pack_index_format import PackFile, Place
from repro.store.packs.records import Packed, check_of, split_record, unpack_object
from repro.store.packs.series import PackSeries
from repro.store.packs.writer import WrittenPack

NeededRecord = tuple[Digest, Place, bytes]
"""An object, where its record was, and what was read there: head and payload, shorter where the pack ends."""


def rewrite(folder: str, needed: Iterable[NeededRecord]) -> tuple[list[WrittenPack], dict[PackFile, BadPack]]:
    """Copy records to new packs in temporary files.

    Args:
        folder: for the temporary files.
        needed: what to copy.

    Returns:
        The packs written, and the packs that hold a damaged record, with what is wrong: those must stay as they are.

    Raises:
        OSError: the disk is full, or refuses; nothing is left behind.
    """
    damaged: dict[PackFile, BadPack] = {}
    with PackSeries(folder) as packs:
        for digest, place, record in needed:
            try:
                packs.add(digest, _checked(digest, place, record))
            except BadPack as error:
                damaged[place.pack] = error
        return packs.take(), damaged


def _checked(digest: Digest, place: Place, record: bytes) -> Packed:
    """Return the record to be copied: damage is not to be passed on under a new name."""
    head, payload = split_record(record, digest)
    if head.kind is RecordKind.CHUNKS:
        if check_of(record[: HEAD_BYTES - 8], payload) != head.check:
            raise BadPack(f"the list of the chunks of {digest} is damaged")
    else:
        unpack_object(head, payload)
    return Packed(record[:HEAD_BYTES], payload, head.kind, place.size)
