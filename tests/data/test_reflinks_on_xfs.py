"""Reflinks, on an XFS of our own in a file: ext4 and tmpfs make none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import os
from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.link_in_place import link_in_place
from repro.data.memo import new_memo, opened_memo
from repro.model.data.links import Way
from repro.store.cache.cache import Cache
from repro.store.cache.object_links import linker_for
from repro.store.files.digest_only import DigestOnly

root = os.path.join(os.getcwd(), "xfs")
big = os.urandom(24_000_000)
with open(root + "/data", "wb") as file:
    file.write(big)


def used():
    os.sync()
    status = os.statvfs(root)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def read(name):
    with open(os.path.join(root, name), "rb") as file:
        return file.read()


def free_of_charge(what, call):
    before = used()
    result = call()
    assert used() - before < 4_000_000, (what, used() - before)
    return result


cache = Cache(root + "/cache")
with new_memo(root + "/memo", b"data") as writer:
    captured = free_of_charge("add", lambda: capture(root, b"data", cache, remember=writer))
content = captured.content
cache.flush()
assert os.listdir(root + "/cache/tmp") == []
before = os.stat(root + "/data")
linker = linker_for(cache, [Way.REFLINK, Way.HARDLINK])
with opened_memo(root + "/memo", b"data") as memo:
    link_in_place(root, b"data", memo, cache, linker)
after = os.stat(root + "/data")
assert (before.st_ino, before.st_mode, before.st_nlink) == (after.st_ino, after.st_mode, after.st_nlink)

for name, way in ((b"default", None), (b"first", linker)):
    free_of_charge(name, lambda: place(content, root, name, cache, linker=way))
    status = os.stat(os.path.join(os.fsencode(root), name))
    assert (status.st_nlink, status.st_mode & 0o777) == (1, 0o644), name
    assert capture(root, name, DigestOnly()).content == content

for name in ("data", "first"):
    with open(os.path.join(root, name), "r+b") as file:
        file.write(b"EDITED")
    assert capture(root, name.encode(), DigestOnly()).content != content
    place(content, root, b"again", cache)
    assert read("again") == big
assert sorted(os.listdir(root)) == ["again", "cache", "data", "default", "first", "memo"]
print("ok")
"""


def test_the_store_and_the_work_tree_share_blocks_and_an_edit_stays_where_it_is(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system from a file")
    if not shutil.which("mkfs.xfs"):
        if os.environ.get("CI") == "true":
            pytest.fail("mkfs.xfs is not installed (package xfsprogs)")
        pytest.skip("mkfs.xfs is not installed (package xfsprogs)")
    (tmp_path / "xfs").mkdir()
    with (tmp_path / "image").open("wb") as image:
        image.truncate(320_000_000)  # sparse; the least that mkfs.xfs takes is 300 MB
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(tmp_path / "image")], check=True)
    mount = ["unshare", "-m", "sh", "-c"]
    probe = subprocess.run([*mount, "mount -o loop image xfs"], cwd=tmp_path, capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no XFS can be mounted from a file here: {probe.stderr.strip()}")
    script = 'mount -o loop image xfs && exec "$0" -c "$1"'
    done = subprocess.run(
        [*mount, script, sys.executable, _CHILD], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
