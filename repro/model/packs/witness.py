"""What vouches for objects that a store was seen to have: packs and indexes that are there still have them still.

Packs and indexes never change, and are named by what is in them. So whether a store still has a million objects is told
by a look at a few names, in place of a question for each object.
"""

from __future__ import annotations

import struct

from repro.model.dataclass import dataclass
from repro.model.digest import Digest, hex_of
from repro.model.packs.pack_index_format import PackFile

MOST_APART = 4096
"""Objects for which nothing vouches, at most: with more, a question for each object of all takes hardly longer."""

_COUNTS = struct.Struct("<III")
_PACK = struct.Struct("<32sQ")


@dataclass(frozen=True, slots=True)
class Witness:
    """Of some objects: all but those `apart` (32 bytes of BLAKE3 each) are where `indexes` (64 hex digits) say, in
    `packs`."""

    indexes: tuple[str, ...] = ()
    packs: tuple[PackFile, ...] = ()
    apart: bytes = b""


def with_apart(witness: Witness | None, digests: bytes) -> Witness | None:
    """Return the witness of more objects, for which nothing vouches; None where these become too many."""
    if witness is None or len(witness.apart) + len(digests) > 32 * MOST_APART:
        return None
    return Witness(witness.indexes, witness.packs, witness.apart + digests)


def encode_witness(witness: Witness | None) -> bytes:
    """Return it as bytes; none is no bytes."""
    if witness is None:
        return b""
    return b"".join(
        [
            _COUNTS.pack(len(witness.indexes), len(witness.packs), len(witness.apart) // 32),
            *(bytes.fromhex(name) for name in witness.indexes),
            *(_PACK.pack(bytes.fromhex(hex_of(pack.digest)), pack.length) for pack in witness.packs),
            witness.apart,
        ]
    )


def decode_witness(data: bytes) -> Witness | None:
    """Return what `encode_witness` made bytes of; None where it is something else."""
    if len(data) < _COUNTS.size:
        return None
    indexes, packs, apart = _COUNTS.unpack_from(data)
    at = _COUNTS.size + 32 * indexes
    end = at + _PACK.size * packs
    if len(data) != end + 32 * apart or apart > MOST_APART:
        return None
    return Witness(
        tuple(data[start : start + 32].hex() for start in range(_COUNTS.size, at, 32)),
        tuple(PackFile(Digest("b3:" + digest.hex()), length) for digest, length in _PACK.iter_unpack(data[at:end])),
        data[end:],
    )
