"""Packs, indexes and chunk lists of version 1 as they were first written. They are never made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.model.digest import Digest, digest_of
from repro.model.packs.chunk_list import START_BYTES, chunk_bytes, list_start, parse_chunks, parse_list_start
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, RecordKind, parse_head
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.store.packs.records import check_of, split_record, unpack_object

V1 = Path(__file__).parent / "v1"

TEXT = b"".join(b"%d,%d\n" % (number, number * number) for number in range(2000))
HELLOS = b"hello\n" * 3
LARGE = TEXT + HELLOS
PACK = PackFile(Digest("b3:235841ead8f68cbd191a1f88746561b1c0d174848d752107908b38051c543f18"), 10935)
EMPTY_PACK = PackFile(Digest("b3:afde16bab812efdde6150af6cac16ca1a89c9f3d35323f0491ba6e03e8b92b64"), 16)
PLACES = {
    b"": Place(PACK, 16, 0, 0, RecordKind.RAW),
    b"hello\n": Place(PACK, 80, 6, 6, RecordKind.RAW),
    TEXT: Place(PACK, 150, 23427, 10471, RecordKind.ZSTD),
    HELLOS: Place(PACK, 10685, 18, 18, RecordKind.RAW),
    LARGE: Place(PACK, 10767, 23445, 104, RecordKind.CHUNKS),
}
MANY = [digest_of(b"%d" % number) for number in range(1000)]
INDEXES = {
    "empty": "b3:0b8fc792b4422e72add52de835c1b8d67539eeb2df2fd077b8e649e171fd249b",
    "many": "b3:a6c30df0d90ea041405ee7772db844fefb5ba39c0222784fde2415d34f85143f",
    "two-packs": "b3:9e40b0984c23fa7606fb6e22adff92aee83afb2b26961d5555dcc8b2d7ed4a48",
}


def _index(name: str) -> PackIndex:
    data = (V1 / "pack-index" / f"{name}.index").read_bytes()
    assert digest_of(data) == INDEXES[name]
    return PackIndex(data)


@pytest.mark.parametrize(("name", "file"), [("five-records", PACK), ("empty", EMPTY_PACK)])
def test_a_pack_of_version_1_is_named_by_its_bytes(name: str, file: PackFile) -> None:
    data = (V1 / "pack" / f"{name}.pack").read_bytes()
    assert data.startswith(PACK_HEADER)
    assert PackFile(digest_of(data), len(data)) == file


@pytest.mark.parametrize("data", PLACES, ids=["empty", "hello", "text", "hellos", "large"])
def test_a_record_of_version_1_is_read_from_where_the_index_says(data: bytes) -> None:
    """Packs are not written again here: which bytes a compressor makes is its own affair."""
    pack = (V1 / "pack" / "five-records.pack").read_bytes()
    place = _index("two-packs").find(digest_of(data))
    assert place == PLACES[data]
    record = pack[place.offset : place.offset + HEAD_BYTES + place.stored]
    head, payload = split_record(record, digest_of(data))
    assert (head.kind, head.size, head.check) == (place.kind, len(data), check_of(record[:56], payload))
    if head.kind is RecordKind.CHUNKS:
        assert bytes(payload) == (V1 / "chunk-list" / "two.chunks").read_bytes()
    else:
        assert unpack_object(head, payload) == data


def test_the_records_of_a_pack_follow_one_another_to_its_end() -> None:
    pack = (V1 / "pack" / "five-records.pack").read_bytes()
    at, found = len(PACK_HEADER), []
    while at < len(pack):
        head = parse_head(pack[at : at + HEAD_BYTES])
        found.append((head.digest, at))
        at += HEAD_BYTES + head.stored
    assert found == [(digest_of(data), place.offset) for data, place in PLACES.items()]
    assert at == len(pack)


def test_an_index_of_version_1_is_read_and_written_the_same() -> None:
    rows = [
        (bytes.fromhex(digest_of(data)[3:]), place_bytes(1, place.offset, place.size, place.stored, place.kind))
        for data, place in PLACES.items()
    ]
    index = _index("two-packs")
    assert index.packs == (EMPTY_PACK, PACK)
    assert dict(index.objects(range(index.count))) == {digest_of(data): place for data, place in PLACES.items()}
    assert digest_of(encode_index([EMPTY_PACK, PACK], rows)) == INDEXES["two-packs"]
    assert digest_of(encode_index([], [])) == INDEXES["empty"]
    assert _index("empty").count == 0


def test_an_index_with_a_fan_out_is_read_and_written_the_same() -> None:
    pack = PackFile(digest_of(b"pack"), 100_000)
    places = {digest: Place(pack, 16 + 74 * at, 10, 10, RecordKind.RAW) for at, digest in enumerate(MANY)}
    index = _index("many")
    assert [index.find(digest) for digest in MANY] == list(places.values())
    assert dict(index.objects(range(index.count))) == places
    rows = [(bytes.fromhex(one[3:]), place_bytes(0, at.offset, 10, 10, at.kind)) for one, at in places.items()]
    assert digest_of(encode_index([pack], rows)) == INDEXES["many"]


def test_a_chunk_list_of_version_1_is_read_and_written_the_same() -> None:
    data = (V1 / "chunk-list" / "two.chunks").read_bytes()
    start = parse_list_start(data[:START_BYTES], len(LARGE), len(data))
    chunks = list(parse_chunks(data[START_BYTES:]))
    assert chunks == [(digest_of(TEXT), len(TEXT)), (digest_of(HELLOS), len(HELLOS))]
    again = b"".join(chunk_bytes(bytes.fromhex(digest[3:]), length) for digest, length in chunks)
    assert list_start(start.size, start.chunks) + again == data
    assert list_start(0, 0) == (V1 / "chunk-list" / "none.chunks").read_bytes()


def test_every_file_of_version_1_is_in_a_test() -> None:
    assert {path.stem for path in (V1 / "pack").iterdir()} == {"five-records", "empty"}
    assert {path.stem for path in (V1 / "pack-index").iterdir()} == set(INDEXES)
    assert {path.stem for path in (V1 / "chunk-list").iterdir()} == {"two", "none"}
