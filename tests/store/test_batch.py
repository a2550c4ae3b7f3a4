"""Many objects stored together: small ones in packs, found and read like any other, and healed where one is damaged."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from repro.model.data.content import ObjectRef
from repro.model.data.tree_objects import batches
from repro.model.digest import digest_of
from repro.model.packs.pack import PACK_SIZE, SMALL_LIMIT
from repro.store.cache.cache import Cache, CorruptObject, MissingObject, SizeLie
from repro.store.files.flushing import flush_file
from repro.store.files.temp_files import write_all
from repro.store.packs import series
from repro.store.packs.records import pack_chunk_list, pack_object
from repro.store.packs.writer import PackWriter

MANY = [b"%d\n" % number * 100 for number in range(100)]
SEEDS = int(os.environ.get("REPRO_SEEDS", "30"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def ref_of(data: bytes) -> ObjectRef:
    return ObjectRef(digest_of(data), len(data))


def add_all(cache: Cache, objects: list[bytes]) -> list[ObjectRef]:
    with cache.batch() as batch:
        return [batch.add_bytes(data) for data in objects]


def packs(cache: Cache) -> list[Path]:
    return sorted(Path(cache.root, "packs").glob("*"))


def loose(cache: Cache) -> list[Path]:
    return sorted(Path(cache.root, "objects").glob("*/*"))


def damage(cache: Cache, data: bytes) -> Path:
    """Change the last byte of an object's record in the one pack that holds it."""
    for path in packs(cache):
        content = path.read_bytes()
        at = content.find(bytes.fromhex(digest_of(data)[3:]))
        if at >= 0:
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(at + 32 + 8 + 10)
                old = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([old[0] ^ 1]))
            return path
    raise AssertionError("it is in no pack")


def test_many_small_objects_are_in_one_pack_and_are_read_like_any_other(cache: Cache, tmp_path: Path) -> None:
    refs = add_all(cache, MANY)
    assert refs == [ref_of(data) for data in MANY]
    assert (len(packs(cache)), loose(cache)) == (1, [])
    for reader in (cache, Cache(cache.root)):
        for ref, data in zip(refs, MANY, strict=True):
            assert reader.has(ref.digest)
            assert (reader.size(ref.digest), reader.ref_of(ref.digest)) == (len(data), ref)
            assert reader.read(ref) == data
            with reader.open(ref) as opened:
                assert opened.read() == data
            with (tmp_path / "copy").open("w+b") as file:
                reader.copy_to(ref, file.fileno())
            assert (tmp_path / "copy").read_bytes() == data
            reader.verify(ref)
            with (tmp_path / "copy").open("rb") as file:
                assert reader.holds(file.fileno())
    assert os.listdir(Path(cache.root, "tmp")) == []
    (pack,) = packs(cache)
    assert digest_of(pack.read_bytes())[3:] == pack.name
    assert pack.stat().st_mode & 0o777 == 0o444


def test_a_few_small_objects_are_files_of_their_own(cache: Cache) -> None:
    add_all(cache, MANY[:63])
    assert (len(packs(cache)), len(loose(cache))) == (0, 63)
    add_all(cache, MANY[:64])
    assert len(packs(cache)) == 0, "what is there is not stored again"
    add_all(cache, [bytes([number]) * 100_000 for number in range(11)])
    assert len(packs(cache)) == 1


def test_a_large_object_is_a_file_of_its_own_and_the_limit_is_small(cache: Cache, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(SMALL_LIMIT + 1)
    (tmp_path / "small").write_bytes(noise[:-1])
    (tmp_path / "large").write_bytes(noise)
    with cache.batch() as batch:
        for data in MANY:
            batch.add_bytes(data)
        for name in ("small", "large"):
            with (tmp_path / name).open("rb") as file:
                ref = batch.add_descriptor(file.fileno())
                assert ref == ref_of((tmp_path / name).read_bytes())
        assert batch.add_bytes(b"x" * (SMALL_LIMIT + 1)).size == SMALL_LIMIT + 1
    assert [os.path.getsize(path) for path in loose(cache)] == [SMALL_LIMIT + 1] * 2
    assert cache.read(ref_of(noise[:-1])) == noise[:-1]
    assert cache.read(ref_of(noise)) == noise


def test_a_batch_knows_its_own_and_what_was_there(cache: Cache) -> None:
    cache.add_bytes(b"before")
    assert batches(cache)
    with cache.batch() as batch:
        for data in MANY:
            assert not batch.has(digest_of(data))
            batch.add_bytes(data)
            assert batch.has(digest_of(data))
        assert batch.has(digest_of(b"before"))
        assert not cache.has(digest_of(MANY[0]))


def test_what_is_stored_twice_is_there_once(cache: Cache) -> None:
    add_all(cache, [*MANY, *MANY])
    size = sum(path.stat().st_size for path in packs(cache))
    add_all(Cache(cache.root), list(reversed(MANY)))
    assert (sum(path.stat().st_size for path in packs(cache)), loose(cache)) == (size, [])


def test_packs_end_at_their_size(cache: Cache) -> None:
    noise = random.Random(1).randbytes(PACK_SIZE)
    size = 120_000
    pieces = [noise[at : at + size] + bytes([turn]) for turn in range(2) for at in range(0, len(noise) - size, size)]
    add_all(cache, [*pieces, b"last"])
    sizes = [path.stat().st_size for path in packs(cache)]
    assert (len(sizes), max(sizes) < PACK_SIZE + size + 100) == (3, True)
    assert all(cache.has(digest_of(data)) for data in pieces)


def test_many_batches_leave_few_indexes(cache: Cache) -> None:
    for number in range(40):
        add_all(cache, [b"%d %d" % (number, more) for more in range(64)])
    assert len(os.listdir(Path(cache.root, "indexes"))) <= 16
    assert len(packs(cache)) == 40
    assert all(cache.read(ref_of(b"%d 7" % number)) for number in range(40))


def test_what_was_complete_before_an_error_is_kept_and_nothing_else_is_left(cache: Cache) -> None:
    def store() -> None:
        with cache.batch() as batch:
            for data in MANY:
                batch.add_bytes(data)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store()
    assert os.listdir(Path(cache.root, "tmp")) == []
    add_all(cache, MANY)
    assert all(cache.read(ref_of(data)) == data for data in MANY)


def test_several_threads_may_store_in_one_batch(cache: Cache) -> None:
    objects = [b"%d" % number * 50 for number in range(3000)]
    with cache.batch() as batch:

        def store(seed: int) -> None:
            mine = objects[:]
            random.Random(seed).shuffle(mine)
            for data in mine:
                batch.add_bytes(data)

        threads = [threading.Thread(target=store, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(cache.read(ref_of(data)) == data for data in objects)
    (pack,) = packs(cache)
    assert pack.read_bytes().count(bytes.fromhex(digest_of(objects[9])[3:])) == 1


def test_a_lie_about_the_size_is_named_and_costs_no_object(cache: Cache, tmp_path: Path) -> None:
    add_all(cache, MANY)
    for size in (0, len(MANY[5]) + 1, 2_000_000):
        lie = ObjectRef(digest_of(MANY[5]), size)
        for read in (cache.read, cache.verify, cache.open):
            with pytest.raises(SizeLie, match=f"where {size}"):
                read(lie)
    assert cache.read(ref_of(MANY[5])) == MANY[5]


# damage


def test_a_damaged_record_is_named_and_its_neighbours_are_read(cache: Cache, tmp_path: Path) -> None:
    add_all(cache, MANY)
    pack = damage(cache, MANY[7])
    with pytest.raises(CorruptObject) as caught:
        cache.read(ref_of(MANY[7]))
    assert all(part in caught.value.message for part in (str(pack), digest_of(MANY[7]), " at "))
    assert pack.exists()
    for reader in (cache, Cache(cache.root)):
        assert not reader.has(digest_of(MANY[7]))
        with pytest.raises(MissingObject):
            reader.read(ref_of(MANY[7]))
        assert all(reader.read(ref_of(data)) == data for data in MANY if data != MANY[7])


@pytest.mark.parametrize("way", ["add_bytes", "batch", "receive", "many"])
def test_a_damaged_object_is_healed_by_storing_it_again(cache: Cache, way: str) -> None:
    add_all(cache, MANY)
    damage(cache, MANY[7])
    with pytest.raises(CorruptObject):
        cache.verify(ref_of(MANY[7]))
    again = Cache(cache.root)
    if way == "add_bytes":
        again.add_bytes(MANY[7])
    elif way == "receive":
        again.receive(digest_of(MANY[7]), None, lambda descriptor: write_all(descriptor, MANY[7]))
    else:
        more = [b"more %d" % number for number in range(100)] if way == "many" else []
        add_all(again, [*MANY, *more])
    for reader in (cache, again, Cache(cache.root)):
        assert reader.read(ref_of(MANY[7])) == MANY[7]


def test_a_damaged_object_is_healed_by_a_whole_pack_that_comes(cache: Cache) -> None:
    add_all(cache, MANY)
    damage(cache, MANY[7])
    with pytest.raises(CorruptObject):
        cache.verify(ref_of(MANY[7]))
    writer = PackWriter(os.path.join(cache.root, "tmp"))
    for data in (b"other", MANY[7]):
        writer.add(digest_of(data), pack_object(digest_of(data), data))
    whole = ref_of(bytes(3_000_000))
    writer.add(whole.digest, pack_chunk_list(whole, b"a list"))
    pack = writer.close()
    flush_file(pack.path)
    cache.publish([pack])
    for reader in (cache, Cache(cache.root)):
        assert [reader.read(ref_of(data)) for data in (b"other", MANY[7])] == [b"other", MANY[7]]
        assert not reader.has(whole.digest), "a list of chunks is not the object"
        with reader.recalling(b"") as recalled:
            assert not recalled.has_all(bytes.fromhex(whole.digest[3:]))


def test_an_object_that_is_whole_in_another_pack_is_read_from_there_and_kept(cache: Cache) -> None:
    add_all(cache, MANY)
    first = packs(cache)
    aside = Path(cache.root, "aside")
    shutil.move(Path(cache.root, "packs"), aside)
    add_all(Cache(cache.root), MANY[:70])  # an index that has gone: its packs hold nothing
    shutil.move(str(aside / first[0].name), str(first[0]))
    assert len(packs(cache)) == 2
    for path in packs(cache):
        content = path.read_bytes()
        at = content.find(bytes.fromhex(digest_of(MANY[7])[3:]))
        path.chmod(0o644)
        path.write_bytes(content[: at + 50] + b"?" + content[at + 51 :])
        break
    assert Cache(cache.root).read(ref_of(MANY[7])) == MANY[7]
    assert Cache(cache.root).read(ref_of(MANY[7])) == MANY[7]


def test_packs_that_are_gone_or_cut_short_hold_nothing(cache: Cache) -> None:
    add_all(cache, MANY)
    (pack,) = packs(cache)
    assert cache.read(ref_of(MANY[0])) == MANY[0]
    pack.chmod(0o644)
    content = pack.read_bytes()
    pack.write_bytes(content[:-1])
    assert not Cache(cache.root).has(digest_of(MANY[0]))
    pack.unlink()
    other = Cache(cache.root)
    assert not other.has(digest_of(MANY[0]))
    with pytest.raises(MissingObject):
        other.read(ref_of(MANY[0]))
    add_all(other, MANY)
    assert all(other.read(ref_of(data)) == data for data in MANY)


def test_what_moved_to_another_pack_is_found_there(cache: Cache) -> None:
    """A gc writes what is needed of a pack into another, and takes the old one away."""
    add_all(cache, MANY)
    reader = Cache(cache.root)
    assert reader.has(digest_of(MANY[0]))
    (old,) = packs(cache)
    (index,) = Path(cache.root, "indexes").iterdir()
    writer = PackWriter(os.path.join(cache.root, "tmp"))
    for data in MANY[:50]:
        writer.add(digest_of(data), pack_object(digest_of(data), data))
    cache.publish([writer.close()])
    old.unlink()
    index.unlink()
    fresh = Cache(cache.root)
    for one in (reader, fresh):
        assert all(one.read(ref_of(data)) == data for data in MANY[:50])
    assert not fresh.has(digest_of(MANY[60]))


# what a gc goes by


def test_what_is_used_again_is_kept_from_a_gc(cache: Cache) -> None:
    add_all(cache, MANY)
    cache.add_bytes(b"small")
    large = cache.add_bytes(bytes(SMALL_LIMIT + 1))
    (pack,) = packs(cache)
    old = time.time() - 10 * 3600
    paths = [pack, Path(cache.path_of(digest_of(b"small"))), Path(cache.path_of(large.digest))]
    for path in paths:
        os.utime(path, (old, old))
    again = Cache(cache.root)
    assert again.has(digest_of(MANY[0]))
    again.read(ref_of(MANY[0]))
    assert pack.stat().st_mtime == old, "reading is no use"
    with again.batch() as batch:
        for data in (MANY[0], b"small", bytes(SMALL_LIMIT + 1)):
            batch.add_bytes(data)
    times = [time.time() - path.stat().st_mtime < 60 for path in paths]
    assert times == [True, True, False], "a work tree's memory rests on the time of what it may be linked to"
    assert os.listdir(Path(cache.root, "used")) == [large.digest[3:]]


def test_a_pack_that_a_gc_has_taken_is_not_relied_on(cache: Cache) -> None:
    add_all(cache, MANY)
    old = time.time() - 10 * 3600
    os.utime(packs(cache)[0], (old, old))
    again = Cache(cache.root)
    assert again.has(digest_of(MANY[0]))
    packs(cache)[0].unlink()  # open in `again`
    add_all(again, MANY)
    assert Cache(cache.root).read(ref_of(MANY[0])) == MANY[0]


# several at once, and ends in the middle

_ADD = """
import sys
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1])
print(flush=True)
for turn in range(5):
    with cache.batch() as batch:
        for number in range(300):
            batch.add_bytes(b"%d %d " % (turn, number) * 200)
            if not number % 20:
                batch.add_bytes(b"%d %d " % (turn, number) * 20_000)
    cache.flush()
"""


def _all_that_add_adds() -> list[bytes]:
    small = [b"%d %d " % (turn, number) * 200 for turn in range(5) for number in range(300)]
    return small + [b"%d %d " % (turn, number) * 20_000 for turn in range(5) for number in range(0, 300, 20)]


def check_sound(cache: Cache) -> None:
    """Whatever has a name is what its name says."""
    for path in [*packs(cache), *Path(cache.root, "indexes").glob("*")]:
        assert digest_of(path.read_bytes())[3:] == path.name
    for path in loose(cache):
        assert digest_of(path.read_bytes())[3:] == path.parent.name + path.name


def test_several_processes_may_store_the_same_objects_at_once(cache: Cache) -> None:
    command = [sys.executable, "-c", _ADD, cache.root]
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    check_sound(cache)
    for data in _all_that_add_adds():
        cache.verify(ref_of(data))
    assert os.listdir(os.path.join(cache.root, "tmp")) == []


def test_a_kill_at_any_instant_leaves_what_is_sound_and_the_next_completes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _ADD]
    draw = random.Random(0)
    for seed in range(SEEDS):
        cache = Cache(str(tmp_path / str(seed)))
        with subprocess.Popen([*command, cache.root], stdout=subprocess.PIPE) as child:
            assert child.stdout
            child.stdout.readline()
            time.sleep(draw.random() * 0.25)
            child.kill()
        check_sound(cache)
        for data in _all_that_add_adds():
            if cache.has(digest_of(data)):
                cache.verify(ref_of(data))
        if not seed % 10:
            subprocess.run([*command, cache.root], check=True, stdout=subprocess.DEVNULL)
            for data in _all_that_add_adds():
                cache.verify(ref_of(data))
        shutil.rmtree(cache.root, ignore_errors=True)


def test_memory_stays_bounded_and_a_killed_add_finds_its_work_again(cache: Cache) -> None:
    script = (
        "import random, re, sys\nfrom repro.store.cache.cache import Cache\ndraw = random.Random(1)\n"
        "cache = Cache(sys.argv[1])\nwith cache.batch() as batch:\n"
        "    first = batch.add_bytes(draw.randbytes(500))\n"
        "    for _ in range(70_000): batch.add_bytes(draw.randbytes(500))\n"
        "    print(cache.has(first.digest))\n"
        # getrusage's maximum begins with that of the process that forked this one.
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, cache.root], capture_output=True, text=True, check=True)
    here, kilobytes = done.stdout.split()
    assert here == "True", "it is published after 65,536 objects"
    assert int(kilobytes) < 90_000
    assert len(os.listdir(Path(cache.root, "indexes"))) == 2


def test_a_pack_of_many_small_objects_ends_before_notes_on_them_fill_memory(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "PACK_RECORDS", 40)
    add_all(cache, MANY)
    assert len(packs(cache)) == 3
    assert [cache.read(ref_of(data)) for data in MANY] == MANY
