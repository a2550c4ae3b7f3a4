from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest

from repro.errors import UsageError
from repro.model.digest import Digest, digest_of
from repro.model.packs.gc_plan import Fate, fate_of, in_grace, parse_grace
from repro.model.packs.live_records import LiveRecords, PackUse
from repro.model.packs.pack import PACK_HEADER, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes

HEADER = len(PACK_HEADER)
ONE, TWO = PackFile(digest_of(b"pack one"), 10_000), PackFile(digest_of(b"pack two"), 10_000)


def objects(count: int) -> list[Digest]:
    return [digest_of(b"%d" % number) for number in range(count)]


def index_of(packs: list[PackFile], placed: list[tuple[Digest, int, int]]) -> PackIndex:
    """Entries of 36 bytes of payload: (object, position of its pack, number of records before it there)."""
    entries = [
        (bytes.fromhex(digest[3:]), place_bytes(pack, HEADER + 100 * before, 36, 36, RecordKind.RAW))
        for digest, pack, before in placed
    ]
    return PackIndex(encode_index(packs, entries))


def test_what_is_needed_of_each_pack_is_counted_with_its_heads() -> None:
    a, b, c = objects(3)
    live = LiveRecords(index_of([ONE, TWO], [(a, 0, 0), (b, 0, 1), (c, 1, 0)]))
    place = live.mark(b)
    assert place is not None
    assert (place.pack, place.offset) == (ONE, HEADER + 100)
    assert live.uses() == {ONE: PackUse(10_000, 100, 1), TWO: PackUse(10_000, 0, 0)}
    assert live.count() == 1


def test_an_object_is_new_once_and_an_unknown_one_never() -> None:
    a, b = objects(2)
    live = LiveRecords(index_of([ONE], [(a, 0, 0)]))
    assert live.mark(a) is not None
    assert live.mark(a) is None
    assert live.mark(b) is None
    assert live.names(a)
    assert not live.names(b)


def test_what_is_written_again_comes_in_the_order_of_the_packs() -> None:
    found = objects(50)
    live = LiveRecords(index_of([ONE, TWO], [(digest, number % 2, number // 2) for number, digest in enumerate(found)]))
    for digest in found:
        live.mark(digest)
    ordered = live.needed_in({TWO})
    assert [digest for digest, _ in ordered] == found[1::2]
    assert len(list(live.needed_in({ONE, TWO}))) == 50


def test_of_what_is_written_again_no_more_is_held_than_of_one_pack() -> None:
    found = objects(4000)
    packs = [PackFile(digest_of(b"pack %d" % number), 100_000) for number in range(8)]
    live = LiveRecords(index_of(packs, [(digest, number % 8, number // 8) for number, digest in enumerate(found)]))
    for digest in found:
        live.mark(digest)
    held = []
    for collected in (list, consume):
        tracemalloc.start()
        collected(live.needed_in(packs))
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert held[1] < held[0] / 2


def consume(needed: Iterable[object]) -> None:
    for _ in needed:
        pass


@pytest.mark.parametrize(
    ("use", "fate"),
    [
        (PackUse(1_016, 0, 0), Fate.DROP),
        (PackUse(HEADER, 0, 0), Fate.DROP),
        (PackUse(1_016, 499, 1), Fate.REWRITE),
        (PackUse(1_016, 500, 1), Fate.KEEP),
        (PackUse(1_016, 1_000, 9), Fate.KEEP),
    ],
)
def test_a_pack_stays_when_half_of_it_is_needed(use: PackUse, fate: Fate) -> None:
    assert fate_of(use) is fate


def test_what_is_young_or_of_the_future_stays() -> None:
    assert in_grace(99.0, 100.0, 2.0)
    assert in_grace(1e12, 100.0, 2.0)
    assert not in_grace(97.0, 100.0, 2.0)
    assert not in_grace(99.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("text", "seconds"), [("14d", 1209600), ("36h", 129600), ("90 min", 5400), ("5s", 5), ("0", 0)]
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    assert parse_grace(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "-1d", "1w", "1.5d", "1d2h", "9999999d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_grace(text)
