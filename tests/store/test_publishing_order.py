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


def _calls(store: Path) -> list[tuple[str, str]]:
    """What was flushed, renamed (by its new name) and removed, in order, as paths in the store."""
    log = store.with_name("log")
    names = "trace=fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
    strace = ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(log), "-e", names]
    subprocess.run([*strace, sys.executable, "-c", _STORE, str(store)], check=True)
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
