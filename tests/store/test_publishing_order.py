"""What the disk has after a power cut follows from the order of calls: a file is on it before it has its name, a pack's
name before the index that names it, and a merged index before those that it stands for are gone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_STORE = """
import os, sys
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1])
for _ in range(2):
    with cache.batch() as batch:
        for _ in range(200):
            batch.add_bytes(os.urandom(6_000))
cache.trust_packs()
"""


_COLLECT = """
import os, sys
from repro.actions.gc.here import collect_here
from repro.actions.gc.roots import Roots
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1])
with cache.batch() as batch:
    refs = [batch.add_bytes(os.urandom(6_000)) for _ in range(200)]
found = collect_here(cache, Roots(set(refs[:9])), 9e9, 0, delete=True)
assert found.needed_objects == 9 and found.deleted_bytes > 0
"""


_FETCH = """
import os, sys
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import fetch_objects, push_objects
own, far = Cache(sys.argv[1] + "-own"), open_remote(sys.argv[1] + "-far")
with own.batch() as batch:
    refs = [batch.add_bytes(os.urandom(60_000)) for _ in range(40)]
push_objects(own, far, refs)
fetch_objects(Cache(sys.argv[1]), far, refs)
"""


_PUT_OFF = """
import os, sys
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1])
with open(sys.argv[1] + "-file", "w+b") as file, cache.putting_off():
    file.write(os.urandom(17 << 20))
    file.seek(0)
    cache.add_descriptor(file.fileno())
"""


_COLLECT_FAR = """
import os, sys
from repro.actions.gc.far import collect_far
from repro.actions.gc.roots import Roots
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import push_objects
own, far = Cache(sys.argv[1] + "-own"), open_remote(sys.argv[1])
with own.batch() as batch:
    refs = [batch.add_bytes(os.urandom(6_000)) for _ in range(200)]
push_objects(own, far, refs)
found = collect_far(own, far, Roots(set(refs[:9])), 0, delete=True, sure=lambda: None)
assert found.condemned_bytes > 0
"""


def _calls(store: Path, script: str = _STORE) -> list[tuple[str, str]]:
    """What was flushed, renamed (by its new name) and removed, in order, as paths in the store."""
    log = store.with_name("log")
    names = "trace=fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
    strace = ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(log), "-e", names]
    subprocess.run([*strace, sys.executable, "-c", script, str(store)], check=True)
    found = []
    for line in log.read_text().splitlines():
        call = re.match(r"\d+ +(\w+)\((.*)\) += 0$", line)
        if call and (paths := re.findall(f'[<"]{re.escape(str(store))}/([^>"]*)[>"]', call[2])):
            kind = "flush" if "sync" in call[1] else "name" if "rename" in call[1] else "remove"
            found += [(kind, paths[-1])] if kind != "name" else [("leave", paths[0]), ("name", paths[-1])]
    return found


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
def test_nothing_is_named_or_removed_before_what_it_rests_on_is_on_the_disk(tmp_path: Path) -> None:
    calls = _calls(tmp_path / "store")
    named = [number for number, (kind, path) in enumerate(calls) if kind == "name" and "/" in path]
    packs = [number for number in named if calls[number][1].startswith("packs/")]
    indexes = [number for number in named if calls[number][1].startswith("indexes/")]
    assert (len(packs), len(indexes)) == (2, 3)
    for number in packs + indexes:
        assert ("flush", calls[number - 1][1]) in calls[:number], calls[number]
    for pack, index in zip(packs, indexes, strict=False):
        assert ("flush", "packs") in calls[pack:index]
    gone = [number for number, (kind, path) in enumerate(calls) if kind == "remove" and path.startswith("indexes/")]
    assert len(gone) == 2
    assert ("flush", "indexes") in calls[indexes[-1] : gone[0]]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
def test_what_a_gc_writes_again_is_on_the_disk_before_the_pack_that_it_stands_for_goes(tmp_path: Path) -> None:
    calls = _calls(tmp_path / "store", _COLLECT)
    _, new = [number for number, (kind, path) in enumerate(calls) if kind == "name" and path.startswith("packs/")]
    [gone] = [number for number, (kind, path) in enumerate(calls) if kind == "leave" and path.startswith("packs/")]
    assert ("flush", calls[new - 1][1]) in calls[:new]
    assert new < gone
    assert ("flush", "packs") in calls[new:gone]
    assert any(kind == "name" and path.startswith("indexes/") for kind, path in calls[new:gone])


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
def test_a_pack_that_was_fetched_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    calls = _calls(tmp_path / "store", _FETCH)
    [named] = [number for number, (kind, path) in enumerate(calls) if kind == "name" and path.startswith("packs/")]
    assert ("flush", calls[named - 1][1]) in calls[:named]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
def test_a_record_of_an_object_that_is_not_waited_for_is_on_the_disk_before_the_object_has_its_name(
    tmp_path: Path,
) -> None:
    calls = _calls(tmp_path / "store", _PUT_OFF)
    [named] = [number for number, (kind, path) in enumerate(calls) if kind == "name" and path.startswith("objects/")]
    begun, *said = [path for kind, path in calls[:named] if kind == "flush" and path.startswith("unsynced/")]
    assert said == [begun]  # once empty, once with the object
    assert ("flush", "unsynced") in calls[:named]
    assert ("flush", calls[named - 1][1]) not in calls[:named]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
def test_each_index_of_a_directory_comes_after_its_packs_are_on_the_disk_in_a_push_and_in_a_gc(tmp_path: Path) -> None:
    calls = _calls(tmp_path / "store", _COLLECT_FAR)
    named = [(number, path) for number, (kind, path) in enumerate(calls) if kind == "name" and "/" in path]
    packs = [number for number, path in named if path.startswith("packs/")]
    indexes = [number for number, path in named if path.startswith("indexes/")]
    condemned = [number for number, path in named if path.startswith("condemned/") and "now" not in path]
    assert (len(packs), len(indexes), len(condemned)) == (2, 2, 1)
    for pack, index in zip(packs, indexes, strict=True):
        assert ("flush", "packs") in calls[pack:index]
    assert ("flush", "indexes") in calls[indexes[-1] : condemned[0]]
