"""Pack indexes: what is written is found, and hostile bytes are refused or lead nowhere."""

from __future__ import annotations

import contextlib
import random
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import HEAD_BYTES, MAX_PACK, MAX_RECORD, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import INDEX_HEADER, BadIndex, PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import moved_place, place_bytes, place_pack

PACKS = [PackFile(digest_of(b"a"), 1000), PackFile(digest_of(b"b"), MAX_PACK)]
START = 64
PACK_ROW = 40

keys = st.binary(min_size=32, max_size=32)
crowded = st.builds(lambda tail: bytes(28) + tail, st.binary(min_size=4, max_size=4))
places = st.builds(
    Place,
    st.just(PACKS[1]),
    st.integers(16, 2**39),
    st.integers(0, MAX_RECORD),
    st.integers(0, MAX_RECORD),
    st.sampled_from([RecordKind.ZSTD, RecordKind.CHUNKS]),
)


def _row(key: bytes, place: Place) -> tuple[bytes, bytes]:
    return key, place_bytes(PACKS.index(place.pack), place.offset, place.size, place.stored, place.kind)


def _named(key: bytes) -> Digest:
    return Digest("b3:" + key.hex())


@settings(deadline=None)
@given(st.dictionaries(keys | crowded, places, max_size=200), st.lists(keys | crowded, max_size=20))
def test_what_is_written_is_found_and_nothing_else(held: dict[bytes, Place], others: list[bytes]) -> None:
    index = PackIndex(encode_index(PACKS, [_row(*item) for item in held.items()]))
    assert index.packs == tuple(PACKS)
    assert index.count == len(held)
    for key in [*held, *others]:
        assert index.find(_named(key)) == held.get(key)
        assert index.has(_named(key)) == (key in held)
    assert list(index.objects(range(index.count))) == [(_named(key), held[key]) for key in sorted(held)]
    assert list(index.raw_entries()) == sorted(_row(*item) for item in held.items())


def test_a_large_index_finds_all_of_its_entries() -> None:
    draw = random.Random(1)
    held = {draw.randbytes(32): Place(PACKS[1], 16 + at, at, at, RecordKind.RAW) for at in range(20_000)}
    index = PackIndex(encode_index(PACKS, [_row(*item) for item in held.items()]))
    assert all(index.find(_named(key)) == place for key, place in held.items())
    assert not any(index.has(_named(draw.randbytes(32))) for _ in range(20_000))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_an_index_with_a_changed_byte_is_refused_or_says_what_can_be(data: st.DataObject) -> None:
    held = {digest_of(b"%d" % at): Place(PACKS[0], 16, 8, 8, RecordKind.RAW) for at in range(20)}
    good = encode_index(PACKS, [_row(bytes.fromhex(digest[3:]), place) for digest, place in held.items()])
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        index = PackIndex(bytes(changed))
        found = [index.find(digest) for digest in held] + [place for _, place in index.objects(range(index.count))]
    except BadIndex:
        return
    for place in found:
        assert place is None or 16 <= place.offset <= place.pack.length - HEAD_BYTES - place.stored


@given(st.integers(0, 2000))
def test_an_index_that_is_cut_off_or_longer_is_refused(length: int) -> None:
    good = encode_index(PACKS, [_row(bytes([at]) * 32, Place(PACKS[0], 16, 8, 8, RecordKind.RAW)) for at in range(9)])
    data = (good + bytes(2000))[:length]
    if length != len(good):
        with pytest.raises(BadIndex):
            PackIndex(data)


@pytest.mark.parametrize(
    ("packs", "bits", "entries"), [(2**32 - 1, 0, 0), (0, 24, 0), (0, 0, 2**64 - 1), (0, 0, 2**59)]
)
def test_a_huge_declared_number_costs_no_memory(packs: int, bits: int, entries: int) -> None:
    tracemalloc.start()
    with pytest.raises(BadIndex, match="declares another number"):
        PackIndex(INDEX_HEADER + struct.pack("<IIQ32x", packs, bits, entries) + bytes(100))
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_more_fan_out_bits_than_there_may_be_are_refused() -> None:
    with pytest.raises(BadIndex, match="25 fan-out bits"):
        PackIndex(INDEX_HEADER + struct.pack("<IIQ32x", 0, 25, 0) + bytes(4))


@pytest.mark.parametrize(
    ("header", "what"), [(b"repro-index 2\0\0\0", "another format version"), (bytes(16), "is not an")]
)
def test_another_version_is_refused_by_name(header: bytes, what: str) -> None:
    with pytest.raises(BadIndex, match=what):
        PackIndex(header + encode_index([], [])[16:])


def test_a_pack_that_is_longer_than_any_is_refused() -> None:
    with pytest.raises(BadIndex, match="more than one has"):
        PackIndex(encode_index([PackFile(digest_of(b""), MAX_PACK + 1)], []))


@pytest.mark.parametrize(
    "place",
    [
        place_bytes(2, 16, 8, 8, RecordKind.RAW),  # no such pack
        place_bytes(2**32 - 1, 16, 8, 8, RecordKind.RAW),
        struct.pack("<QQIIB3x", 16, 8, 8, 0, 3),  # no such kind
        place_bytes(0, 15, 8, 8, RecordKind.RAW),  # in the header
        place_bytes(0, 1000 - HEAD_BYTES - 7, 8, 8, RecordKind.RAW),  # beyond the end by a byte
        place_bytes(0, 2**64 - 1, 8, 8, RecordKind.RAW),
        place_bytes(0, 16, 8, 2**32 - 1, RecordKind.ZSTD),
        place_bytes(1, 16, MAX_RECORD + 1, 8, RecordKind.ZSTD),
        place_bytes(1, 16, 8, MAX_RECORD + 1, RecordKind.ZSTD),
        place_bytes(1, 16, 8, 9, RecordKind.RAW),
    ],
)
def test_a_place_that_cannot_be_is_refused(place: bytes) -> None:
    index = PackIndex(encode_index(PACKS, [(bytes(32), place)]))
    with pytest.raises(BadIndex, match="the index names"):
        index.find(_named(bytes(32)))
    with pytest.raises(BadIndex):
        list(index.objects([0]))


@pytest.mark.parametrize("fan_out", [(3, 1, 2, 3), (0, 0, 0, 9), (0, 2**32 - 1, 1, 3)])
def test_a_fan_out_that_is_out_of_order_is_refused_or_finds_nothing(fan_out: tuple[int, ...]) -> None:
    good = encode_index(
        PACKS, [_row(bytes([at]) * 32, Place(PACKS[0], 16, 8, 8, RecordKind.RAW)) for at in (1, 2, 250)]
    )
    rest = good[START + 2 * PACK_ROW + 4 :]
    data = INDEX_HEADER + struct.pack("<IIQ32x", 2, 2, 3) + good[START : START + 2 * PACK_ROW]
    index = PackIndex(data + struct.pack("<4I", *fan_out) + rest)
    for first in range(256):
        with contextlib.suppress(BadIndex):
            assert index.find(_named(bytes([first]) * 32)) in (None, Place(PACKS[0], 16, 8, 8, RecordKind.RAW))


def test_digests_that_are_alike_are_told_apart() -> None:
    """Bytes of two neighbours can look like a third."""
    period = bytes([1, 2]) * 16
    index = PackIndex(
        encode_index(
            PACKS,
            [
                _row(period, Place(PACKS[0], 16, 8, 8, RecordKind.RAW)),
                _row(bytes([1, 2]) * 15 + b"\3\1", Place(PACKS[0], 17, 8, 8, RecordKind.RAW)),
            ],
        )
    )
    assert not index.has(_named(bytes([2, 1]) * 16))
    assert index.has(_named(period))
    assert index.without(bytes([2, 1]) * 16 + period, lambda pack: True) == bytes([2, 1]) * 16


def test_of_many_digests_that_begin_alike_few_are_read() -> None:
    class Watched:
        most = 0

        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, part: slice) -> bytes:
            self.most = max(self.most, len(data[part]))
            return data[part]

    digests = [bytes(4) + number.to_bytes(28, "big") for number in range(3000)]
    place = Place(PACKS[0], 16, 8, 8, RecordKind.RAW)
    data = encode_index(PACKS, [_row(digest, place) for digest in digests])
    watched = Watched()
    index = PackIndex(watched)
    assert index.has(_named(digests[0]))
    watched.most = 0
    assert all(index.position(_named(digest)) == at for at, digest in enumerate(digests))
    assert watched.most < 10_000


@given(st.integers(0, 5), places)
def test_a_place_moves_to_another_list_of_packs(position: int, place: Place) -> None:
    row = place_bytes(position, place.offset, place.size, place.stored, place.kind)
    assert place_pack(row, position + 1) == position
    with pytest.raises(BadIndex, match="a pack that there is not"):
        place_pack(row, position)
    assert moved_place(row, range(7, 20)) == place_bytes(
        position + 7, place.offset, place.size, place.stored, place.kind
    )
