import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.store.cache.cache import Cache, CorruptObject, MissingObject, SizeLie
from repro.store.cache.cache_format import NewerCache
from repro.store.files.digest_only import DigestOnly
from repro.store.files.hashing import BLOCK

HELLO = ObjectRef(digest_of(b"hello"), 5)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def _damage(cache: Cache, ref: ObjectRef, data: bytes) -> None:
    path = Path(cache.path_of(ref.digest))
    path.chmod(0o644)
    path.write_bytes(data)


def _copied(cache: Cache, ref: ObjectRef, target: Path) -> bytes:
    with target.open("w+b") as file:
        cache.copy_to(ref, file.fileno())
    return target.read_bytes()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([0, 1, 65536, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7]), st.binary(max_size=9))
def test_what_is_stored_comes_back_whatever_its_length(
    tmp_path_factory: pytest.TempPathFactory, length: int, seed: bytes
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = Cache(str(folder / "cache"))
    data = (seed or b"x") * (length // max(len(seed), 1) + 1)
    data = data[:length]
    (folder / "file").write_bytes(data)
    told: list[int] = []
    with (folder / "file").open("rb") as file:
        ref = cache.add_descriptor(file.fileno(), told.append)
    assert sum(told) == length
    assert ref == ObjectRef(digest_of(data), length) == cache.add_bytes(data)
    with (folder / "file").open("rb") as file:
        assert DigestOnly().add_descriptor(file.fileno()) == ref
    assert cache.read(ref) == data == _copied(cache, ref, folder / "copy")
    with cache.open(ref) as opened:
        assert opened.read() == data
    assert os.listdir(folder / "cache" / "tmp") == []


def test_a_pipe_can_be_stored(cache: Cache) -> None:
    with subprocess.Popen(["seq", "1", "300000"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        ref = cache.add_descriptor(child.stdout.fileno())
    assert cache.read(ref) == b"".join(b"%d\n" % n for n in range(1, 300_001))


def test_objects_are_read_only_files_named_by_their_digest(cache: Cache) -> None:
    cache.add_bytes(b"hello")
    path = Path(cache.root) / "objects" / HELLO.digest[3:5] / HELLO.digest[5:]
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mode & 0o777 == 0o444


def test_storing_twice_keeps_the_first_file(cache: Cache) -> None:
    cache.add_bytes(b"hello")
    before = os.stat(cache.path_of(HELLO.digest)).st_ino
    cache.add_bytes(b"hello")
    assert os.stat(cache.path_of(HELLO.digest)).st_ino == before


def test_a_missing_object_is_named_with_the_way_to_get_it(cache: Cache, tmp_path: Path) -> None:
    for read in (lambda: cache.read(HELLO), lambda: cache.open(HELLO), lambda: cache.verify(HELLO)):
        with pytest.raises(MissingObject, match=HELLO.digest) as caught:
            read()
        assert caught.value.hint == "get it with: repro fetch; what belongs to a run, with: repro fetch RUN"
    assert not cache.has(HELLO.digest)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("damaged", [b"hellO", b"hell", b"hello!", b""])
@pytest.mark.parametrize("way", ["read", "copy_to", "verify"])
def test_a_damaged_object_is_named_and_set_aside(cache: Cache, tmp_path: Path, damaged: bytes, way: str) -> None:
    cache.add_bytes(b"hello")
    _damage(cache, HELLO, damaged)
    with pytest.raises(CorruptObject, match=HELLO.digest) as caught:
        _copied(cache, HELLO, tmp_path / "copy") if way == "copy_to" else getattr(cache, way)(HELLO)
    assert cache.path_of(HELLO.digest) in caught.value.message
    assert not cache.has(HELLO.digest)
    (kept,) = (tmp_path / "cache" / "quarantine").iterdir()
    assert kept.read_bytes() == damaged
    cache.add_bytes(b"hello")
    cache.verify(HELLO)


@pytest.mark.parametrize("size", [0, 4, 6, 2_000_000])
@pytest.mark.parametrize("way", ["read", "copy_to", "verify"])
def test_a_lie_about_the_size_is_named_and_costs_no_object(cache: Cache, tmp_path: Path, size: int, way: str) -> None:
    cache.add_bytes(b"hello")
    lie = ObjectRef(HELLO.digest, size)
    with pytest.raises(SizeLie, match=f"5 bytes where {size}"):
        _copied(cache, lie, tmp_path / "copy") if way == "copy_to" else getattr(cache, way)(lie)
    assert cache.read(HELLO) == b"hello"


def test_what_a_power_cut_truncated_is_stored_again(cache: Cache) -> None:
    cache.add_bytes(b"hello")
    _damage(cache, HELLO, b"")
    cache.add_bytes(b"hello")
    assert cache.read(HELLO) == b"hello"


@pytest.mark.parametrize("line", [b"repro-cache 2\n", b"repro-cache", b"something else"])
def test_a_cache_of_another_format_is_refused_by_name(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "format").write_bytes(line)
    with pytest.raises(NewerCache, match=line.decode().strip()):
        Cache(str(tmp_path))


def test_the_format_is_written_with_the_first_object(cache: Cache) -> None:
    cache.add_bytes(b"hello")
    assert (Path(cache.root) / "format").read_bytes() == b"repro-cache 1\n"
    assert Cache(cache.root).has(HELLO.digest)


def test_old_leftovers_are_swept_and_young_ones_are_not(cache: Cache, tmp_path: Path) -> None:
    tmp = tmp_path / "cache" / "tmp"
    tmp.mkdir(parents=True)
    (tmp / "old").write_bytes(b"")
    (tmp / "young").write_bytes(b"")
    os.utime(tmp / "old", (time.time() - 90_000,) * 2)
    cache.add_bytes(b"hello")
    assert os.listdir(tmp) == ["young"]


@pytest.mark.parametrize("count", [1, 100])
def test_flush_does_not_mind_an_object_that_is_gone(cache: Cache, count: int) -> None:
    refs = [cache.add_bytes(b"%d" % number) for number in range(count)]
    os.unlink(cache.path_of(refs[0].digest))
    cache.flush()
    cache.flush()


_ADD = """
import sys
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1])
for number in range(200):
    cache.add_bytes(b"%d" % number * 1000)
cache.flush()
"""


def test_several_processes_may_store_the_same_objects_at_once(cache: Cache) -> None:
    children = [subprocess.Popen([sys.executable, "-c", _ADD, cache.root]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    for number in range(200):
        data = b"%d" % number * 1000
        cache.verify(ObjectRef(digest_of(data), len(data)))
    assert os.listdir(os.path.join(cache.root, "tmp")) == []


def test_a_kill_while_storing_leaves_no_object_by_half(cache: Cache, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _ADD, cache.root]) as child:
        objects = tmp_path / "cache" / "objects"
        while child.poll() is None and (not objects.exists() or len(os.listdir(objects)) < 20):
            time.sleep(0.001)
        child.kill()
    for folder in objects.iterdir():
        for file in folder.iterdir():
            assert digest_of(file.read_bytes())[3:] == folder.name + file.name


def test_of_many_it_is_known_what_packs_and_files_have_also_of_what_was_stored_just_now(tmp_path: Path) -> None:
    cache, other = Cache(str(tmp_path)), Cache(str(tmp_path))
    packed = {digest_of(b"packed %d" % number): len(b"packed %d" % number) for number in range(100)}
    alone = {other.add_bytes(b"alone").digest: 5}
    everything = sorted(bytes.fromhex(one[3:]) for one in [*packed, *alone, digest_of(b"never seen")])

    def sizes(cache: Cache) -> dict[str, int]:
        return {f"b3:{raw.hex()}": size for raw, size in cache.sizes_of(everything)}

    assert sizes(cache) == alone
    with other.batch() as batch:
        for number in range(100):
            batch.add_bytes(b"packed %d" % number)
    assert len(os.listdir(tmp_path / "packs")) == 1
    assert sizes(cache) == packed | alone
    assert list(cache.sizes_of([])) == []
    for path in (tmp_path / "packs").iterdir():
        path.unlink()
    assert sizes(Cache(str(tmp_path))) == alone


def test_what_comes_from_elsewhere_is_not_seen_before_it_is_verified(cache: Cache, tmp_path: Path) -> None:
    def fill(descriptor: int) -> None:
        os.write(descriptor, b"hellO")
        assert not cache.has(HELLO.digest)

    def fill_well(descriptor: int) -> None:
        os.write(descriptor, b"hello")

    with pytest.raises(CorruptObject, match=HELLO.digest):
        cache.receive(HELLO.digest, 5, fill)
    assert not cache.has(HELLO.digest)
    assert [file.read_bytes() for file in (tmp_path / "cache" / "quarantine").iterdir()] == [b"hellO"]
    with pytest.raises(SizeLie):
        cache.receive(HELLO.digest, 6, fill_well)
    assert cache.receive(HELLO.digest, 5, fill_well) == HELLO
    assert cache.read(HELLO) == b"hello"
