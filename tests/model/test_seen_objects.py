"""A set of objects that remembers by the indexes which name them is a set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.seen_objects import SeenObjects

PACK = PackFile(digest_of(b"pack"), 1000)
numbers = st.integers(0, 12)


def named(number: int) -> Digest:
    return digest_of(b"%d" % number)


def index_of(held: set[int]) -> PackIndex:
    place = place_bytes(0, 16, 8, 8, RecordKind.RAW)
    return PackIndex(encode_index([PACK], [(bytes.fromhex(named(one)[3:]), place) for one in held]))


@given(st.lists(st.sets(numbers)), st.lists(numbers), st.lists(st.sets(numbers)), st.lists(numbers))
def test_it_says_of_each_once_that_it_is_new(
    first: list[set[int]], before: list[int], more: list[set[int]], after: list[int]
) -> None:
    seen, plain = SeenObjects(), set[int]()
    for held, asked in ((first, before), (more, after)):
        seen.know(index_of(one) for one in held)
        for number in asked:
            assert seen.add(named(number)) == (number not in plain)
            plain.add(number)
            assert len(seen) == len(plain)
