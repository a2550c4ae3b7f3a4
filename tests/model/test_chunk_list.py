"""Chunk lists: what is written is read, and impossible numbers are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.digest import digest_of
from repro.model.packs.chunk_list import (
    CHUNK_MAX,
    ENTRY_BYTES,
    LIST_HEADER,
    START_BYTES,
    BadChunkList,
    ListStart,
    chunk_bytes,
    list_start,
    parse_chunks,
    parse_list_start,
)

KEY = bytes(32)


@given(st.lists(st.tuples(st.binary(), st.integers(1, CHUNK_MAX)), max_size=20))
def test_a_list_is_read_as_it_was_written(chunks: list[tuple[bytes, int]]) -> None:
    size = sum(length for _, length in chunks)
    named = [(digest_of(data), length) for data, length in chunks]
    data = list_start(size, len(chunks)) + b"".join(
        chunk_bytes(bytes.fromhex(one[3:]), length) for one, length in named
    )
    assert len(data) == START_BYTES + ENTRY_BYTES * len(chunks)
    assert parse_list_start(data[:START_BYTES], size, len(data)) == ListStart(size, len(chunks))
    assert list(parse_chunks(data[START_BYTES:])) == named


@given(st.binary(max_size=100), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_other_bytes_are_refused(data: bytes, size: int, stored: int) -> None:
    with pytest.raises(BadChunkList):
        parse_list_start(LIST_HEADER[:15] + b"\1" + data, size, stored)


@pytest.mark.parametrize(
    ("declared", "chunks", "size", "stored"),
    [
        (10, 1, 11, START_BYTES + ENTRY_BYTES),  # another size than the record's
        (10, 1, 10, START_BYTES),  # cut off
        (10, 1, 10, START_BYTES + ENTRY_BYTES + 1),
        (10, 2**64 - 1, 10, START_BYTES + ENTRY_BYTES),
        (10, 2**60, 10, START_BYTES),
    ],
)
def test_numbers_that_do_not_fit_are_refused(declared: int, chunks: int, size: int, stored: int) -> None:
    with pytest.raises(BadChunkList, match="declares"):
        parse_list_start(list_start(declared, chunks), size, stored)


@pytest.mark.parametrize("length", [0, CHUNK_MAX + 1, 2**32 - 1])
def test_a_chunk_that_is_empty_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(BadChunkList, match=f"{length} bytes"):
        list(parse_chunks(chunk_bytes(KEY, 1) + chunk_bytes(KEY, length)))
