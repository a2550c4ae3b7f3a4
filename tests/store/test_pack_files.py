"""Packs and indexes as files: what is written is found, by readers beside it too."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import HEAD_BYTES, MAX_RECORD, PACK_MAGIC, BadPack, RecordKind, head_start, parse_head
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex, PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.store.checking.check_indexes import check_order
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.merge_indexes import merge_indexes
from repro.store.packs.publish import merge_many, publish_packs
from repro.store.packs.records import (
    LEVEL,
    check_of,
    pack_chunk_list,
    pack_object,
    split_record,
    unpack_object,
)
from repro.store.packs.writer import PackWriter, WrittenPack

TEXT = b"".join(b"%d,%d\n" % (number, number * 7 % 1000) for number in range(20_000))


def _record(data: bytes) -> bytes:
    packed = pack_object(digest_of(data), data)
    return packed.head + bytes(packed.payload)


def _pack(folder: Path, objects: Sequence[bytes]) -> WrittenPack:
    writer = PackWriter(str(folder))
    for data in objects:
        writer.add(digest_of(data), pack_object(digest_of(data), data))
    return writer.close()


def _published(root: Path, objects: Sequence[bytes]) -> PackFile:
    pack = _pack(root / "tmp", objects)
    publish_packs(str(root), [pack])
    return pack.file


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | st.integers(0, 40_000).map(lambda size: TEXT[:size])
    | st.randoms().map(lambda draw: draw.randbytes(20_000))
)
def test_a_record_gives_the_object_back(data: bytes) -> None:
    head, payload = split_record(_record(data), digest_of(data))
    assert unpack_object(head, payload) == data
    assert len(payload) <= len(data)
    assert check_of(_record(data)[:56], payload) == head.check


def test_only_what_shrinks_is_compressed() -> None:
    noise = random.Random(1).randbytes(100_000)
    kinds = {
        name: pack_object(digest_of(data), data).kind
        for name, data in (("noise", noise), ("text", TEXT), ("tiny", b"a" * 100))
    }
    assert kinds == {"noise": RecordKind.RAW, "text": RecordKind.ZSTD, "tiny": RecordKind.RAW}
    with pytest.raises(ValueError, match="at most"):
        pack_object(digest_of(b""), bytes(MAX_RECORD + 1))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([b"", b"hello\n", TEXT]), st.data())
def test_a_record_with_a_changed_byte_is_refused(data: bytes, drawn: st.DataObject) -> None:
    """All but the check: XXH3 is for a quick look at all records, and a reader compares with BLAKE3."""
    record = bytearray(_record(data))
    at = drawn.draw(st.integers(0, len(record) - 1).filter(lambda at: not 56 <= at < HEAD_BYTES))
    record[at] ^= drawn.draw(st.integers(1, 255))
    with pytest.raises(BadPack):
        unpack_object(*split_record(bytes(record), digest_of(data)))


@pytest.mark.parametrize("cut", [0, 1, 63, 64, 65, -1])
def test_a_record_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(BadPack, match="cut off"):
        split_record(_record(TEXT)[:cut], digest_of(TEXT))


def test_a_frame_that_unpacks_to_more_than_it_says_costs_no_memory() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor(level=LEVEL).compress(bytes(500_000_000))
    unsized = zstandard.ZstdCompressor(level=LEVEL, write_content_size=False).compress(TEXT)
    for frame, size in ((bomb, MAX_RECORD), (unsized, len(TEXT)), (b"no frame", 10), (bomb[:10], MAX_RECORD)):
        head = parse_head(head_start(RecordKind.ZSTD, size, len(frame), bytes(32)) + bytes(8))
        with pytest.raises(BadPack):
            unpack_object(head, frame)


def test_a_pack_is_named_by_its_bytes_and_holds_its_records_in_order(tmp_path: Path) -> None:
    objects = [b"", b"one", TEXT, random.Random(2).randbytes(1_500_000)]
    pack = _pack(tmp_path / "tmp", objects)
    data = Path(pack.path).read_bytes()
    assert pack.file == PackFile(digest_of(data), len(data))
    assert data.startswith(PACK_MAGIC)
    for known, (offset, size, stored, kind) in zip(objects, pack.spots.values(), strict=True):
        head, payload = split_record(data[offset : offset + HEAD_BYTES + stored], digest_of(known))
        assert (head.size, head.kind, unpack_object(head, payload)) == (size, kind, known)
    assert os.stat(pack.path).st_mode & 0o777 == 0o444


def test_an_abandoned_pack_leaves_nothing(tmp_path: Path) -> None:
    writer = PackWriter(str(tmp_path))
    writer.add(digest_of(TEXT), pack_object(digest_of(TEXT), TEXT))
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_new_index_is_noticed_when_an_object_is_missed(tmp_path: Path) -> None:
    reader = PackIndexes(str(tmp_path / "indexes"))
    assert list(reader.find(digest_of(b"1"))) == []
    for number in range(30):
        data = b"%d" % number
        pack = _published(tmp_path, [data])
        assert [place.pack for place in reader.find(digest_of(data))] == [pack]
        assert [place.pack for place in reader.find(digest_of(b"0"))]
        assert list(reader.find(digest_of(b"none"))) == []


def test_what_is_no_index_is_named_and_what_is_not_called_so_is_left_alone(tmp_path: Path) -> None:
    _published(tmp_path, [b"1"])
    (tmp_path / "indexes" / "notes").write_text("mine")
    assert len(list(PackIndexes(str(tmp_path / "indexes")).find(digest_of(b"1")))) == 1
    for content in (b"", b"junk"):
        (tmp_path / "indexes" / ("a" * 64)).write_bytes(content)
        with pytest.raises(BadIndex, match="a" * 64) as caught:
            list(PackIndexes(str(tmp_path / "indexes")).find(digest_of(b"1")))
        assert caught.value.hint
        assert "fsck" in caught.value.hint


def test_a_merged_index_has_what_the_others_had_without_packs_that_are_gone(tmp_path: Path) -> None:
    packs = [_published(tmp_path, [b"%d" % (number + more) for more in range(5)]) for number in range(0, 60, 3)]
    os.unlink(tmp_path / "packs" / packs[3].digest[3:])
    merge_many(str(tmp_path), PackIndexes(str(tmp_path / "indexes")))
    (name,) = os.listdir(tmp_path / "indexes")
    data = (tmp_path / "indexes" / name).read_bytes()
    assert digest_of(data)[3:] == name
    index = PackIndex(data)
    assert set(index.packs) == set(packs) - {packs[3]}
    there = {digest_of(b"%d" % number) for number in range(62)} - {digest_of(b"11")}
    assert {digest for digest, _ in index.objects(range(index.count))} == there
    assert os.listdir(tmp_path / "tmp") == []


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 50), max_size=20, unique=True), min_size=1, max_size=5))
def test_merging_is_the_union_and_the_order_means_nothing(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    indexes = []
    for number, group in enumerate(groups):
        pack = PackFile(digest_of(b"pack %d" % number), 10_000)
        rows = [
            (bytes.fromhex(digest_of(b"%d" % one)[3:]), place_bytes(0, 16 + one, 1, 1, RecordKind.RAW)) for one in group
        ]
        indexes.append(PackIndex(encode_index([pack], rows)))
    with (folder / "index").open("w+b") as file:
        name = merge_indexes(indexes, file.fileno(), str(folder))
    data = (folder / "index").read_bytes()
    assert digest_of(data) == name
    index = PackIndex(data)
    check_order(index)
    merged = dict(index.objects(range(index.count)))
    assert merged.keys() == {digest_of(b"%d" % one) for group in groups for one in group}
    for digest, place in merged.items():
        assert place in [one.find(digest) for one in indexes]


def test_an_index_that_is_not_sorted_is_refused_by_who_reads_it_all() -> None:
    place = place_bytes(0, 16, 8, 8, RecordKind.RAW)
    first, second = b"\1" * 32, b"\2" * 32
    data = encode_index([PackFile(digest_of(b"pack"), 1000)], [(first, place), (second, place)])
    check_order(PackIndex(data))
    with pytest.raises(BadIndex, match="not sorted"):
        check_order(PackIndex(data.replace(first + second, second + first)))


def test_readers_find_everything_while_indexes_are_merged_and_deleted(tmp_path: Path) -> None:
    known: list[Digest] = []
    missed: list[Digest] = []
    over = threading.Event()

    def read() -> None:
        reader = PackIndexes(str(tmp_path / "indexes"))
        while not over.is_set():
            for digest in known[-40:]:
                if not any(True for _ in reader.find(digest)):
                    missed.append(digest)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    own = PackIndexes(str(tmp_path / "indexes"))
    until = time.monotonic() + 3
    number = 0
    while time.monotonic() < until:
        number += 1
        _published(tmp_path, [b"%d" % number])
        known.append(digest_of(b"%d" % number))
        merge_many(str(tmp_path), own)
    over.set()
    for thread in readers:
        thread.join()
    assert missed == []
    assert len(os.listdir(tmp_path / "indexes")) <= 17


_MERGE = """
import sys
from pathlib import Path
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.publish import merge_many
for _ in range(50):
    merge_many(sys.argv[1], PackIndexes(sys.argv[1] + "/indexes"), 1)
"""


def test_several_may_merge_at_once(tmp_path: Path) -> None:
    for number in range(40):
        _published(tmp_path, [b"%d" % number])
    children = [subprocess.Popen([sys.executable, "-c", _MERGE, str(tmp_path)]) for _ in range(3)]
    for number in range(40, 80):
        _published(tmp_path, [b"%d" % number])
    assert [child.wait() for child in children] == [0, 0, 0]
    merge_many(str(tmp_path), PackIndexes(str(tmp_path / "indexes")), 1)
    reader = PackIndexes(str(tmp_path / "indexes"))
    assert all(any(True for _ in reader.find(digest_of(b"%d" % number))) for number in range(80))
    assert len(os.listdir(tmp_path / "indexes")) == 1


def test_a_merge_forgets_no_pack_that_a_gc_has_in_hand_and_may_put_back(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        _published(tmp_path, [data])
    held, _ = (tmp_path / "packs").iterdir()
    (tmp_path / "condemned/packs").mkdir(parents=True)
    held.rename(tmp_path / "condemned/packs" / held.name)
    merge_many(str(tmp_path), PackIndexes(str(tmp_path / "indexes")), 0)
    [index] = PackIndexes(str(tmp_path / "indexes")).current().values()
    assert {pack.digest[3:] for pack in index.packs} == {path.name for path in tmp_path.rglob("packs/*")}
    assert index.count == 2


def test_a_chunk_list_is_a_record_under_the_digest_of_the_whole() -> None:
    packed = pack_chunk_list(ObjectRef(digest_of(b"whole"), 5_000_000), b"the list")
    head, payload = split_record(packed.head + bytes(packed.payload), digest_of(b"whole"))
    assert (head.kind, head.size, bytes(payload)) == (RecordKind.CHUNKS, 5_000_000, b"the list")


@pytest.mark.parametrize("size", [4 * 1024, 10 * 1024, 16 * 1024, 100 * 1024])
def test_what_shrinks_is_compressed_and_noise_is_not_whatever_the_length(size: int) -> None:
    text = b"".join(b"%d,%d\n" % (number, number * number) for number in range(size))[:size]
    noise = os.urandom(size)
    assert pack_object(digest_of(text), text).kind is RecordKind.ZSTD
    assert pack_object(digest_of(noise), noise).kind is RecordKind.RAW
    mixed = noise[: size // 2] + text[size // 2 :]
    assert pack_object(digest_of(mixed), mixed).kind is RecordKind.ZSTD
