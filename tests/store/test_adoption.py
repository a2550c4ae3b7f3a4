"""Large files of the work tree that become objects as they are: hashed once, not copied, only where that is safe."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.data.capture import ChangedWhileRead, capture
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.links import LINK_FROM
from repro.model.data.tree_objects import adopts, batches
from repro.model.digest import digest_of
from repro.model.names import RelPath
from repro.store.cache.adoption import AdoptingBatch, AdoptingCache
from repro.store.cache.cache import Cache
from repro.store.files.reflink import reflink

BIG = bytes(range(256)) * (LINK_FROM // 256 + 1)
REF = ObjectRef(digest_of(BIG), len(BIG))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    with (tmp_path / "one").open("w+b") as one, (tmp_path / "two").open("w+b") as two:
        if reflink(one.fileno(), two.fileno()):
            pytest.skip("this file system makes reflinks: nothing needs to be taken over")
    return Cache(str(tmp_path / "cache"))


def add(tmp_path: Path, cache: Cache, name: str = "data") -> Content:
    return capture(str(tmp_path), RelPath(name.encode()), AdoptingCache(cache)).content


def is_adopted(tmp_path: Path, cache: Cache, name: str = "data") -> bool:
    return os.path.samefile(tmp_path / name, cache.path_of(REF.digest))


def test_a_large_file_becomes_the_object(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(BIG)
    assert add(tmp_path, cache) == Content(Kind.FILE, len(BIG), REF.digest)
    assert is_adopted(tmp_path, cache)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o444
    cache.flush()
    assert cache.read(REF) == BIG
    assert os.listdir(Path(cache.root, "tmp")) == []
    assert add(tmp_path, cache).digest == REF.digest


def test_in_a_directory_each_is_dealt_with_as_it_is(tmp_path: Path, cache: Cache) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "big").write_bytes(BIG)
    (folder / "same").write_bytes(BIG)
    (folder / "small").write_bytes(b"small")
    (folder / "run").write_bytes(BIG + b"x")
    (folder / "run").chmod(0o755)
    os.link(folder / "big", tmp_path / "other-name")
    content = add(tmp_path, cache)
    assert content.digest
    assert [entry.name for entry in cache.read_tree(content.digest)] == [b"big", b"run", b"same", b"small"]
    assert not is_adopted(tmp_path, cache, "data/big"), "it has another name, by which it may be written to"
    assert is_adopted(tmp_path, cache, "data/same") or (folder / "same").stat().st_mode & 0o200
    assert (folder / "big").stat().st_mode & 0o777 == 0o644
    assert (folder / "run").stat().st_mode & 0o777 == 0o755
    assert cache.read(REF) == BIG


def test_a_file_that_is_there_already_keeps_its_mode(tmp_path: Path, cache: Cache) -> None:
    cache.add_bytes(BIG)
    (tmp_path / "data").write_bytes(BIG)
    (tmp_path / "data").chmod(0o640)
    add(tmp_path, cache)
    assert not is_adopted(tmp_path, cache)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("way", ["open", "map"])
def test_a_file_that_somebody_may_write_to_is_copied(tmp_path: Path, cache: Cache, way: str) -> None:
    (tmp_path / "data").write_bytes(BIG)
    with (tmp_path / "data").open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0) if way == "map" else None
        if mapped is not None:
            file.close()
        add(tmp_path, cache)
        assert not is_adopted(tmp_path, cache)
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o644
        if mapped is not None:
            mapped[:3] = b"???"
            mapped.close()
        else:
            file.write(b"???")
    assert cache.read(REF) == BIG


def test_a_file_on_another_file_system_is_copied(tmp_path: Path, cache: Cache) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    there = Cache(str(shared / f"repro-test-{os.getpid()}"))
    try:
        (tmp_path / "data").write_bytes(BIG)
        add(tmp_path, there)
        assert not is_adopted(tmp_path, there)
        assert there.read(REF) == BIG
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o644
    finally:
        subprocess.run(["rm", "-rf", there.root], check=True)


def test_what_cannot_be_recorded_gets_its_mode_back(tmp_path: Path, cache: Cache) -> None:
    path = tmp_path / "data"
    path.write_bytes(BIG)

    class Touching(AdoptingBatch):
        def add_descriptor(self, descriptor: int, told: object = None) -> ObjectRef:
            ref = super().add_descriptor(descriptor)
            os.utime(path)
            return ref

    with cache.batch() as batch, pytest.raises(ChangedWhileRead):
        capture(str(tmp_path), RelPath(b"data"), Touching(cache, batch))
    assert path.stat().st_mode & 0o777 == 0o644
    assert not cache.has(REF.digest)


def test_an_adopting_cache_is_what_capture_asks_for(cache: Cache) -> None:
    sink = AdoptingCache(cache)
    assert batches(sink)
    with sink.batch() as batch:
        assert adopts(batch)


def test_nothing_is_copied(tmp_path: Path, cache: Cache) -> None:
    """A file that the disk has no room for twice."""
    size = 200_000_000
    script = (
        "import os, sys\nfrom repro.data.capture import capture\nfrom repro.store.cache.adoption import AdoptingCache\n"
        "from repro.store.cache.cache import Cache\nimport resource\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size // 2}, {size // 2}))\n"
        "cache = Cache(sys.argv[1] + '/cache')\ncontent = capture(sys.argv[1], b'data', AdoptingCache(cache)).content\n"
        "cache.flush()\nassert os.path.samefile(sys.argv[1] + '/data', cache.path_of(content.digest))\n"
    )
    with (tmp_path / "data").open("wb") as file:
        file.truncate(size)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
