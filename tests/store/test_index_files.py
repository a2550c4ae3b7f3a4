"""Indexes are looked up where they lie: however many objects they name, a process holds no more of them."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.actions.fsck.packs import walk_packs
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import BadIndex, PackFile
from repro.model.packs.pack_index_writing import encode_entries
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.store_check import SoundObjects
from repro.model.progress import SILENT
from repro.store.cache.cache import Cache
from repro.store.checking.pack_files import PacksHere
from repro.store.open_remote import open_remote
from repro.store.packs import index_files
from repro.store.packs.index_files import IndexFiles
from repro.store.packs.indexes import PackIndexes
from repro.store.remote.objects import RemoteObjects

FEW, MANY = 40_000, 400_000
"""Objects of an index: what it has of the few is mapped, of the many it would be three times what may be mapped."""

PACKS = tuple(PackFile(digest_of(b"pack %d" % number), 10_000_000) for number in range(4))


def made_up(count: int) -> list[bytes]:
    """Entries of an index, of objects that there are not."""
    draw = random.Random(count)
    return [
        draw.randbytes(32) + place_bytes(number % 4, 16 + 100 * (number // 4), 8, 8, RecordKind.RAW)
        for number in range(count)
    ]


def written(folder: Path, entries: list[bytes]) -> Path:
    data = encode_entries(PACKS, entries)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / digest_of(data)[3:]
    path.write_bytes(data)
    return path


def opened(*paths: Path) -> Iterator[PackIndex]:
    files = IndexFiles()
    for path in paths:
        with path.open("rb") as file:
            yield files.open(file.fileno())


def test_what_is_read_from_a_file_is_what_a_map_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "indexes", made_up(5000))
    (mapped,) = opened(path)
    monkeypatch.setattr(index_files, "ROOM", 1000)
    (read,) = opened(path)
    entries = list(mapped.raw_entries())
    assert entries == list(read.raw_entries())
    absent = [random.Random(number).randbytes(32) for number in range(100)]
    asked = b"".join([digest for digest, _ in entries[::7]] + absent)
    for index in (mapped, read):
        assert index.without(asked, lambda pack: pack != PACKS[1]) == b"".join(
            [digest for digest, place in entries[::7] if place[20] == 1] + absent
        )
        assert [index.position(Digest("b3:" + one.hex())) for one in absent] == [None] * 100
        for position in range(0, 5000, 11):
            digest = index.digest(position)
            assert index.position(digest) == position
            assert index.raw_place(position) == entries[position][1]
    every_tenth = range(0, 5000, 10)
    assert list(read.objects(every_tenth)) == [(mapped.digest(at), mapped.place(at)) for at in every_tenth]
    assert list(read.packs_of(every_tenth)) == [(at, mapped.place(at).pack) for at in every_tenth]


def test_an_index_that_becomes_shorter_is_named_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_files, "ROOM", 0)
    path = written(tmp_path / "indexes", made_up(5000))
    (index,) = opened(path)
    last = index.digest(4999)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadIndex, match="cut off"):
        index.find(last)


def test_no_more_is_mapped_than_there_is_room_for_and_what_is_let_go_makes_room(tmp_path: Path) -> None:
    paths = [written(tmp_path / str(number), made_up(25_000 + number)) for number in range(4)]
    files = IndexFiles()

    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    held = []
    for path in paths:
        with path.open("rb") as file:
            held.append(files.open(file.fileno()))
    assert mapped() == 2
    assert [index.count for index in held] == [25_000, 25_001, 25_002, 25_003]
    held.clear()
    with paths[3].open("rb") as file:
        held.append(files.open(file.fileno()))
    assert mapped() == 1


def test_few_digests_that_begin_alike_and_many_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes an index for somebody else can let all digests begin alike."""
    monkeypatch.setattr(index_files, "ROOM", 0)
    draw = random.Random(1)
    digests = sorted(bytes(4) + draw.randbytes(28) for _ in range(3000))
    (index,) = opened(written(tmp_path / "i", [one + place_bytes(0, 16, 8, 8, RecordKind.RAW) for one in digests]))
    absent = bytes(4) + draw.randbytes(28)
    assert [index.position(Digest("b3:" + one.hex())) for one in digests] == list(range(3000))
    assert index.position(Digest("b3:" + absent.hex())) is None
    assert index.without(digests[7] + absent + digests[2999], lambda pack: True) == absent


LOOK_UP = """
import os, random, re, sys
from repro.model.digest import Digest
from repro.model.packs.live_records import LiveRecords
from repro.store.packs.marks import Marks
from repro.store.checking.check_indexes import check_order
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.merge_indexes import merge_indexes
from repro.store.files.temp_files import temp_file

def held():
    # Not getrusage's maximum, which begins with that of the process that forked this one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

folder = sys.argv[1]
indexes = PackIndexes(folder + "/indexes")
(index,) = indexes.current().values()
draw = random.Random(1)
before = held()
some = [index.digest(draw.randrange(index.count)) for _ in range(15_000)]
marks, live = Marks([index]), LiveRecords(index)
for digest in some:
    assert next(indexes.find(digest)).size == 8
    assert marks.mark(digest, lambda place: True)
    live.mark(digest)
assert index.without(b"".join(bytes.fromhex(digest[3:]) for digest in some), lambda pack: True) == b""
del some
assert sum(1 for pack in marks.by_pack() for one in pack.records()) == live.count() == sum(
    use.records for use in live.uses().values()
)
check_order(index)
with temp_file(folder + "/tmp") as (descriptor, _):
    merge_indexes([index], descriptor, folder + "/tmp")
    assert os.fstat(descriptor).st_size
print(held() - before)
"""


def test_ten_times_the_objects_take_no_more_memory_to_look_some_up(tmp_path: Path) -> None:
    taken = []
    for count in (FEW, MANY):
        written(tmp_path / str(count) / "indexes", made_up(count))
        done = subprocess.run(
            [sys.executable, "-c", LOOK_UP, str(tmp_path / str(count))], capture_output=True, text=True, check=True
        )
        taken.append(int(done.stdout))
    few, many = taken
    # The index of the many is 24 MB; what of libraries is in memory differs by some from one to another.
    assert many < few + 8192, f"{many} kB beside {few} kB"


def test_a_check_of_a_store_holds_a_byte_or_two_for_each_object_that_an_index_names(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    with cache.batch() as batch:
        for number in range(8000):
            batch.add_bytes(b"%d" % number)
    walk_packs(PacksHere(cache.root), SoundObjects(), 1, SILENT, quick=True)  # imports what it needs
    tracemalloc.start()
    sound = SoundObjects()
    walk_packs(PacksHere(cache.root), sound, 1, SILENT, quick=True)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sound) == 8000
    assert held < 8000 * 2 + 60_000


def test_a_long_index_is_not_mapped_neither_the_stores_nor_what_is_kept_of_a_remotes(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    remote.prepare()
    path = written(tmp_path / "remote" / "indexes", made_up(150_000))
    (kept,) = RemoteObjects(remote, str(tmp_path / "cache")).indexes()
    (index,) = PackIndexes(str(path.parent)).current().values()
    assert (kept.count, index.count) == (150_000, 150_000)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
