"""A file is cut where the chunker cuts all of its bytes at once, however it is read."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest
from pyfastcdc.cy import FastCDC

from repro.model.digest import digest_of
from repro.model.packs.chunk_list import CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN, CHUNK_NORMALIZATION
from repro.store.files.cut_content import cut
from repro.store.files.hashing import finish, new_hasher

MIB = 1024 * 1024
DATA = random.Random(3).randbytes(37 * MIB + 11)


def lengths(data: bytes) -> list[int]:
    chunker = FastCDC(
        CHUNK_AVERAGE, min_size=CHUNK_MIN, max_size=CHUNK_MAX, normalized_chunking=CHUNK_NORMALIZATION, seed=0
    )
    return [one.length for one in chunker.cut_buf(data)]


@pytest.mark.parametrize("size", [0, 1, 4 * MIB, 16 * MIB, 16 * MIB + 1, 20 * MIB - 1, len(DATA)])
def test_the_chunks_are_those_of_the_whole(tmp_path: Path, size: int) -> None:
    data = DATA[:size]
    (tmp_path / "file").write_bytes(data)
    whole = new_hasher()
    with open(tmp_path / "file", "rb") as file, closing(cut(file, whole)) as parts:
        chunks = [bytes(chunk) for some in parts for chunk in some]
    assert [len(chunk) for chunk in chunks] == lengths(data)
    assert b"".join(chunks) == data
    assert finish(whole) == digest_of(data)


def test_bytes_that_are_all_the_same_are_cut_at_the_longest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(19 * MIB))
    with open(tmp_path / "file", "rb") as file, closing(cut(file, new_hasher())) as parts:
        assert [len(chunk) for some in parts for chunk in some] == [CHUNK_MAX] * 9 + [MIB]


def test_a_chunk_that_is_kept_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    with open(tmp_path / "file", "rb") as file, closing(cut(file, new_hasher())) as parts:
        kept = [chunk for some in parts for chunk in some]
    assert b"".join(kept) == DATA
