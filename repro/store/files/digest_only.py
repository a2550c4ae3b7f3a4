"""A sink that stores nothing: for `status` and the taint check."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, digest_of, hex_of
from repro.model.packs.witness import MOST_APART, decode_witness, encode_witness, with_apart
from repro.store.files.hashing import hash_descriptor


class DigestOnly:
    """Answers what a cache would answer that has all that it is asked for. It is a `RecallingSink`."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._fresh = bytearray()

    def has(self, digest: Digest) -> bool:
        """Return True: nothing needs to be stored here."""
        return True

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Return the reference that storing `data` would give."""
        return self._noted(ObjectRef(digest_of(data), len(data)))

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        """Return the reference that storing what can be read would give."""
        return self._noted(hash_descriptor(descriptor, told))

    @contextlib.contextmanager
    def recalling(self, witness: bytes) -> Iterator[_Passing]:
        """As `RecallingSink`: whoever stores it later looks for what is new here, and need not for the rest."""
        self._fresh.clear()
        yield _Passing(witness, self._fresh)

    def _noted(self, ref: ObjectRef) -> ObjectRef:
        if len(self._fresh) <= 32 * MOST_APART:
            self._fresh += bytes.fromhex(hex_of(ref.digest))
        return ref


@dataclass(frozen=True, slots=True)
class _Passing:
    """Hands on what a store was remembered to have."""

    before: bytes
    fresh: bytearray

    def has_all(self, digests: bytes) -> bool:
        return True

    def witness(self) -> bytes:
        return encode_witness(with_apart(decode_witness(self.before), bytes(self.fresh)))
