"""A witness as bytes: what comes back is what went in, and other bytes are none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.model.digest import Digest
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.witness import MOST_APART, Witness, decode_witness, encode_witness, with_apart

_RAW = st.binary(min_size=32, max_size=32)
_PACKS = st.builds(lambda raw, length: PackFile(Digest(f"b3:{raw.hex()}"), length), _RAW, st.integers(0, 2**40))
_WITNESSES = st.builds(
    Witness,
    st.lists(_RAW.map(bytes.hex), max_size=3).map(tuple),
    st.lists(_PACKS, max_size=3).map(tuple),
    st.lists(_RAW, max_size=3).map(b"".join),
)


@given(_WITNESSES)
def test_a_witness_comes_back_from_its_bytes(witness: Witness) -> None:
    data = encode_witness(witness)
    assert decode_witness(data) == witness
    assert decode_witness(data[:-1]) is None
    assert decode_witness(data + b"\0") is None


def test_no_witness_is_no_bytes() -> None:
    assert encode_witness(None) == b""
    assert decode_witness(b"") is None


def test_a_witness_of_too_much_that_lies_apart_is_none() -> None:
    many = bytes(32) * MOST_APART
    assert with_apart(Witness(), many) == Witness(apart=many)
    assert with_apart(Witness(apart=many), bytes(32)) is None
    assert with_apart(None, b"") is None
    assert decode_witness(encode_witness(Witness(apart=many + bytes(32)))) is None
