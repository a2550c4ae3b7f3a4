"""A pack index is written. Specified in `docs/reference/format.md`, section "Pack index"."""

from __future__ import annotations

import itertools
import struct
from array import array
from collections.abc import Iterable, Sequence

from repro.model.packs.pack_index_format import DIGEST_BYTES, INDEX_COUNTS, INDEX_HEADER, INDEX_PACK, PackFile

PREFIXES = 1 << 16
"""How many prefixes a writer counts digests by: their first two bytes."""
_PER_BUCKET_BITS = 3  # about eight digests to a fan-out entry: one short search tells


def index_start(packs: Sequence[PackFile], counts: Sequence[int]) -> bytes:
    """Return an index up to its first digest. All digests, sorted, follow it, and then all places, in that order.

    Args:
        packs: the packs that the places name by their positions.
        counts: of `PREFIXES` numbers, how many digests begin with these two bytes (big-endian).
    """
    total = sum(counts)
    bits = max(0, min(16, total.bit_length() - _PER_BUCKET_BITS))
    step = PREFIXES >> bits
    ends = list(itertools.islice(itertools.accumulate(counts), step - 1, None, step))
    return b"".join(
        [
            INDEX_HEADER,
            INDEX_COUNTS.pack(len(packs), bits, total),
            *(INDEX_PACK.pack(bytes.fromhex(pack.digest[3:]), pack.length) for pack in packs),
            struct.pack(f"<{len(ends)}I", *ends),
        ]
    )


def encode_index(packs: Sequence[PackFile], entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return an index that is small enough to be held in memory.

    Args:
        packs: the packs it names.
        entries: each object's digest (32 bytes) and its `place_bytes`, in any order, no digest twice.
    """
    return encode_entries(packs, [digest + place for digest, place in entries])


def encode_entries(packs: Sequence[PackFile], entries: list[bytes]) -> bytes:
    """As `encode_index`, of digests joined with their places, `ENTRY_BYTES` each; the list is sorted by this. Of
    several entries of one digest the first is taken.
    """
    entries.sort()
    counts, last = array("I", bytes(4 * PREFIXES)), b""
    digests, places = bytearray(), bytearray()  # bytes for each entry would take twice as much
    for entry in entries:
        digest = entry[:DIGEST_BYTES]
        if digest != last:
            counts[digest[0] << 8 | digest[1]] += 1
            digests += digest
            places += entry[DIGEST_BYTES:]
            last = digest
    return b"".join([index_start(packs, counts), digests, places])
