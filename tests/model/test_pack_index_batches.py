"""Many objects looked up in an index at once: the same is found as by looking up each."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_batches import look_up
from repro.model.packs.pack_index_format import BadIndex, PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from tests.model.test_pack_index import PACKS, START

keys = st.binary(min_size=32, max_size=32)
crowded = st.builds(lambda tail: bytes(28) + tail, st.binary(min_size=4, max_size=4))


def index_of(held: list[bytes]) -> PackIndex:
    return PackIndex(
        encode_index(PACKS, [(key, place_bytes(1, 16 + at, at, at, RecordKind.RAW)) for at, key in enumerate(held)])
    )


def one_by_one(index: PackIndex, wanted: list[bytes]) -> list[tuple[bytes, int, Place]]:
    found = [(key, index.position_of(key)) for key in wanted]
    return [(key, position, index.place(position)) for key, position in found if position is not None]


@settings(deadline=None)
@given(st.sets(keys | crowded, max_size=200), st.sets(keys | crowded, max_size=100), st.data())
def test_what_each_look_up_finds_is_found(held: set[bytes], others: set[bytes], data: st.DataObject) -> None:
    index = index_of(list(held))
    some = {key for key in held if data.draw(st.booleans())}
    wanted = sorted(some | others)
    assert list(look_up(index, wanted)) == one_by_one(index, wanted)


@pytest.mark.parametrize("asked", [10, 300, 2000, 20_000])
def test_of_a_long_index_few_and_many_are_found(asked: int) -> None:
    draw = random.Random(asked)
    held = [draw.randbytes(32) for _ in range(30_000)]
    index = index_of(held)
    wanted = sorted([*draw.sample(held, asked), *(draw.randbytes(32) for _ in range(asked))])
    found = list(look_up(index, wanted))
    assert len(found) == asked
    assert found == one_by_one(index, wanted)


def test_many_that_begin_alike_are_found() -> None:
    draw = random.Random(1)
    held = [bytes(4) + draw.randbytes(28) for _ in range(40_000)]
    index = index_of(held)
    wanted = sorted([*held[::7], bytes(4) + draw.randbytes(28)])
    assert list(look_up(index, wanted)) == one_by_one(index, wanted)


def test_the_same_bytes_across_two_digests_are_not_taken_for_one() -> None:
    first, second = bytes(4) + b"\1" * 28, bytes(4) + b"\2" * 28
    across = first[16:] + second[:16]
    wanted = sorted(random.Random(2).randbytes(32) for _ in range(40))
    assert list(look_up(index_of([first, second]), sorted([*wanted, across]))) == []
    across = b"\0\0\0\0" + bytes(28)
    held = [bytes(32 - n) + bytes([1]) * n for n in range(1, 20)]
    assert list(look_up(index_of(held), sorted([*wanted, across]))) == []


def test_a_fan_out_table_out_of_order_is_named() -> None:
    draw = random.Random(3)
    held = [draw.randbytes(32) for _ in range(1000)]
    data = bytearray(
        encode_index(
            [PackFile(PACKS[1].digest, PACKS[1].length)],
            [(key, place_bytes(0, 16, 8, 8, RecordKind.RAW)) for key in held],
        )
    )
    data[START + 40 : START + 44] = (2**31).to_bytes(4, "little")
    with pytest.raises(BadIndex, match="not in order"):
        list(look_up(PackIndex(bytes(data)), sorted(held)))
