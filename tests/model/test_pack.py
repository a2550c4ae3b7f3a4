"""Records of packs: what is written is read, and nothing else is."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.digest import digest_of
from repro.model.packs.pack import (
    HEAD_BYTES,
    MAX_CHUNK_LIST,
    MAX_RECORD,
    BadPack,
    RecordHead,
    RecordKind,
    check_bytes,
    head_start,
    parse_head,
)

DIGEST = digest_of(b"x")
KEY = bytes.fromhex(DIGEST[3:])


@given(st.sampled_from(RecordKind), st.integers(0, MAX_RECORD), st.integers(0, MAX_RECORD), st.integers(0, 2**64 - 1))
def test_a_head_is_read_as_it_was_written(kind: RecordKind, size: int, stored: int, check: int) -> None:
    stored = size if kind is RecordKind.RAW else stored
    data = head_start(kind, size, stored, KEY) + check_bytes(check)
    assert len(data) == HEAD_BYTES
    assert parse_head(data) == RecordHead(kind, size, stored, DIGEST, check)


@given(st.binary(max_size=2 * HEAD_BYTES) | st.binary(min_size=HEAD_BYTES, max_size=HEAD_BYTES))
def test_any_other_bytes_are_refused_or_within_bounds(data: bytes) -> None:
    try:
        head = parse_head(data)
    except BadPack:
        return
    assert head.stored <= (MAX_CHUNK_LIST if head.kind is RecordKind.CHUNKS else MAX_RECORD)
    assert head_start(head.kind, head.size, head.stored, bytes.fromhex(head.digest[3:])) == data[:56]


@pytest.mark.parametrize(
    ("kind", "size", "stored"),
    [
        (3, 1, 1),
        (255, 1, 1),
        (1 << 8, 1, 1),  # in what must be zero
        (1 << 63, 1, 1),
        (RecordKind.RAW, MAX_RECORD + 1, MAX_RECORD + 1),
        (RecordKind.RAW, 2**64 - 1, 2**64 - 1),
        (RecordKind.RAW, 1, 2),
        (RecordKind.RAW, 2, 1),
        (RecordKind.ZSTD, MAX_RECORD + 1, 10),
        (RecordKind.ZSTD, 10, MAX_RECORD + 1),
        (RecordKind.ZSTD, 2**64 - 1, 10),
        (RecordKind.CHUNKS, 10, MAX_CHUNK_LIST + 1),
        (RecordKind.CHUNKS, 10, 2**64 - 1),
    ],
)
def test_a_field_out_of_range_is_refused(kind: int, size: int, stored: int) -> None:
    with pytest.raises(BadPack, match=r"unknown kind|impossible sizes"):
        parse_head(struct.pack("<QQQ", kind, size, stored) + KEY + bytes(8))


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 65])
def test_a_head_that_is_cut_off_is_refused(length: int) -> None:
    data = head_start(RecordKind.RAW, 0, 0, KEY) + bytes(20)
    with pytest.raises(BadPack, match="cut off"):
        parse_head(data[:length])
