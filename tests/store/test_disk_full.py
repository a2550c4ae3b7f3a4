"""A disk that is really full: a small tmpfs in a mount namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import errno, os, sys
from repro.data.capture import capture
from repro.data.checkout import place
from repro.model.data.content import Content, Kind
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import fetch_objects, push_objects

root = os.getcwd()
small = os.path.join(root, "small")
big = Cache(os.path.join(root, "big"))
content = capture(root, b"data", big).content
packed = capture(root, b"many", big).content
cache = Cache(os.path.join(small, "cache"))
cache.add_bytes(b"before")


def full(what, call, kind, below):
    try:
        call()
    except kind as error:
        text = str(error)
        assert "No space left" in text, text
        assert small in text or "small" in text, text
    else:
        raise AssertionError(f"{what}: the disk was not full")
    left = [n for _, _, files in os.walk(os.path.join(small, below)) for n in files if n.startswith(".repro-tmp")]
    assert left == [], left
    assert not os.path.isdir(os.path.join(small, "cache/tmp")) or os.listdir(os.path.join(small, "cache/tmp")) == []


def store_many():
    with cache.batch() as batch:
        for _ in range(300):
            batch.add_bytes(os.urandom(8_000))


from repro.errors import RemoteError
full("batch", store_many, OSError, "cache")
full("add", lambda: capture(root, b"data", cache), OSError, "cache")
full("place", lambda: place(content, root, b"small/out", big), OSError, "out")
full("push", lambda: push_objects(big, open_remote(os.path.join(small, "remote")), [content]), RemoteError, "remote")
remote = open_remote(os.path.join(root, "far"))
push_objects(big, remote, [content, packed])
full("fetch", lambda: fetch_objects(cache, remote, [content]), OSError, "cache")
full("fetch of a pack", lambda: fetch_objects(cache, remote, [packed]), OSError, "cache")
assert cache.size(cache.add_bytes(b"before").digest) == 6
print("ok")
"""


def _namespaces_work(tmp_path: Path) -> bool:
    command = ["unshare", *_flags(), "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    return subprocess.run(command, capture_output=True).returncode == 0


def _flags() -> list[str]:
    return ["-m"] if os.getuid() == 0 else ["-Urm"]


def test_a_full_disk_is_named_and_leaves_nothing_half(tmp_path: Path) -> None:
    if not _namespaces_work(tmp_path):
        if os.environ.get("CI") and os.getuid() == 0:
            pytest.fail("unshare or mount does not work here, although this is root")
        pytest.skip("neither root nor user namespaces: no small disk can be mounted")
    (tmp_path / "small").mkdir()
    (tmp_path / "data").mkdir()
    for number in range(8):
        (tmp_path / "data" / str(number)).write_bytes(os.urandom(300_000))
    (tmp_path / "many").mkdir()
    for number in range(200):
        (tmp_path / "many" / str(number)).write_bytes(os.urandom(8_000))
    script = 'mount -t tmpfs -o size=1m none small && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", *_flags(), "sh", "-c", script, sys.executable, _CHILD],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
