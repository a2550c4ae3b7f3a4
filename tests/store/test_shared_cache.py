"""A store that several users share, one that is read-only, and one that refuses: children under other user ids."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.model.digest import digest_of
from repro.store.cache.cache import Cache
from repro.store.cache.known_projects import known_projects
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import push_objects

GROUP = 4_242
ANN, BEN = 40_001, 40_002

# The interpreter may lie where only root may look: everything is imported before the child gives that up.
_CHILD = """
import os, sys, tempfile
user, group, script, *sys.argv = sys.argv[1:]
from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.actions.gc.roots import Roots, roots_of_projects
from repro.store.cache.cache import Cache, CorruptObject
from repro.store.cache.discard import discard, object_files_of
from repro.store.cache.known_projects import note_project
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import fetch_objects, push_objects
with tempfile.TemporaryDirectory() as folder:
    with Cache(folder).batch() as warm:
        for number in range(100):
            warm.add_bytes(b"%d" % number * 1000)
    refs = [Cache(folder).add_bytes(b"x" * length) for length in (9, 2_000_000)]
    push_objects(Cache(folder), open_remote(f"{folder}/far"), refs)
    fetch_objects(Cache(f"{folder}/new"), open_remote(f"{folder}/far"), refs)
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.umask(0o077)
cache = Cache(sys.argv[0])
sys.argv.insert(0, "")
exec(script)
"""

_ADD = """
with cache.batch() as batch:
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        batch.add_bytes(b"%d" % number * 100)
cache.add_bytes(b"small %s" % sys.argv[2].encode())
with open("/dev/zero", "rb") as zero:
    cache.add_bytes(zero.read(200_000) + sys.argv[2].encode())
cache.flush()
"""

_READ = """
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    data = b"%d" % number * 100
    assert cache.read(ObjectRef(digest_of(data), len(data))) == data
"""


def run_as(user: int, group: int, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _CHILD, str(user), str(group), script, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that other users can reach: pytest's own belong to the user who runs it."""
    if os.getuid() != 0:
        pytest.skip("only root can be two users")
    with tempfile.TemporaryDirectory(prefix="repro-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def shared(root: Path) -> Path:
    os.chown(root, 0, GROUP)
    root.chmod(0o2775)
    return root


def test_two_users_of_a_group_write_into_one_store_whatever_their_umask(shared: Path) -> None:
    for turn, user in enumerate((ANN, BEN, ANN, BEN)):
        done = run_as(user, GROUP, _ADD, str(shared), str(turn * 50), str(turn * 50 + 150))
        assert done.returncode == 0, done.stderr
    for user in (ANN, BEN):
        done = run_as(user, GROUP, _READ, str(shared), "0", "300")
        assert done.returncode == 0, done.stderr
    owners = set()
    for path in shared.rglob("*"):
        mode = path.stat().st_mode
        owners.add(path.stat().st_uid)
        assert path.stat().st_gid == GROUP, path
        assert stat.S_IMODE(mode) == (0o2775 if stat.S_ISDIR(mode) else 0o644 if path.name == "format" else 0o444), path
    assert owners == {ANN, BEN}


def test_many_indexes_of_several_users_are_merged(shared: Path) -> None:
    for turn in range(20):
        done = run_as((ANN, BEN)[turn % 2], GROUP, _ADD, str(shared), str(turn * 100), str(turn * 100 + 70))
        assert done.returncode == 0, done.stderr
    assert len(os.listdir(shared / "indexes")) <= 16


def test_what_another_user_stored_long_ago_is_marked_as_used(shared: Path) -> None:
    assert run_as(ANN, GROUP, _ADD, str(shared), "0", "100").returncode == 0
    old = time.time() - 10 * 3600
    files = [path for name in ("packs", "objects") for path in (shared / name).rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (old, old))
    done = run_as(BEN, GROUP, _ADD, str(shared), "0", "100")
    assert done.returncode == 0, done.stderr
    marked = set(os.listdir(shared / "used"))
    assert marked == {path.name if len(path.name) == 64 else path.parent.name + path.name for path in files}
    assert len(list((shared / "packs").iterdir())) == 1


def test_a_record_that_was_found_damaged_by_one_user_is_healed_by_the_other(shared: Path) -> None:
    assert run_as(ANN, GROUP, _ADD, str(shared), "0", "100").returncode == 0
    (pack,) = (shared / "packs").iterdir()
    content = pack.read_bytes()
    at = content.find(bytes.fromhex(digest_of(b"7" * 100)[3:]))
    pack.write_bytes(content[: at + 50] + b"?" + content[at + 51 :])
    found = (
        "try: cache.read(ObjectRef(digest_of(b'7' * 100), 100))\nexcept CorruptObject: pass\nelse: raise AssertionError"
    )
    assert run_as(ANN, GROUP, found, str(shared)).returncode == 0
    done = run_as(BEN, GROUP, _ADD, str(shared), "0", "100")
    assert done.returncode == 0, done.stderr
    assert run_as(ANN, GROUP, _READ, str(shared), "0", "100").returncode == 0


def test_a_store_of_one_user_is_made_by_the_umask(root: Path) -> None:
    os.chown(root, ANN, GROUP)
    assert run_as(ANN, GROUP, _ADD, str(root), "0", "100").returncode == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_dir()} == {0o700}


def test_a_store_that_may_only_be_read_is_read_and_refuses_clearly(root: Path) -> None:
    os.chown(root, ANN, GROUP)
    os.umask(0o022)
    cache = Cache(str(root))
    with cache.batch() as batch:
        for number in range(100):
            batch.add_bytes(b"%d" % number * 100)
    assert run_as(BEN, BEN, _READ, str(root), "0", "100").returncode == 0
    there = run_as(BEN, BEN, "with cache.batch() as batch:\n batch.add_bytes(b'7' * 100)\ncache.flush()", str(root))
    assert there.returncode == 0, there.stderr
    for script in ("cache.add_bytes(b'new')", "with cache.batch() as batch: batch.add_bytes(b'new')", _ADD):
        done = run_as(BEN, BEN, script, str(root), "200", "300")
        assert done.returncode == 1
        assert f"PermissionError: [Errno 13] Permission denied: '{root}" in done.stderr


def test_a_pack_that_may_not_be_read_is_named(root: Path) -> None:
    os.chown(root, ANN, GROUP)
    assert run_as(ANN, GROUP, _ADD, str(root), "0", "100").returncode == 0
    (pack,) = (root / "packs").iterdir()
    pack.chmod(0)
    done = run_as(ANN, GROUP, _READ, str(root), "0", "100")
    assert done.returncode == 1
    assert str(pack) in done.stderr


_NOTE = "note_project(cache.root, sys.argv[2]); cache.add_bytes(sys.argv[2].encode())"


def test_the_projects_of_all_users_are_known_and_a_gc_of_one_locks_no_other_out(shared: Path) -> None:
    for user, project in ((ANN, "/ann/p"), (BEN, "/ben/p")):
        done = run_as(user, GROUP, _NOTE, str(shared), project)
        assert done.returncode == 0, done.stderr
    assert known_projects(str(shared)) == [b"/ann/p", b"/ben/p"]
    collected = run_as(
        ANN, GROUP, "assert all([discard(cache.root, one) for one in object_files_of(cache.root)])", str(shared)
    )
    assert collected.returncode == 0, collected.stderr
    done = run_as(BEN, GROUP, _ADD, str(shared), "0", "100")
    assert done.returncode == 0, done.stderr
    assert {stat.S_IMODE(path.stat().st_mode) for path in shared.rglob("*") if path.is_dir()} == {0o2775}


def test_nothing_is_stored_for_a_project_that_a_gc_would_not_know(shared: Path) -> None:
    (shared / "projects").mkdir()
    (shared / "projects").chmod(0o755)
    done = run_as(BEN, GROUP, _NOTE, str(shared), "/ben/p")
    assert done.returncode == 1
    assert f"{shared}/projects/" in done.stderr
    assert [path.name for path in shared.rglob("*") if path.is_file()] == []


def test_a_project_that_one_may_not_look_at_is_not_taken_for_gone(shared: Path) -> None:
    hidden = shared / "hidden"
    (hidden / "p/.git").mkdir(parents=True)
    os.chown(hidden, ANN, GROUP)
    hidden.chmod(0o700)
    for project in (f"{hidden}/p", f"{shared}/no-such"):
        assert run_as(ANN, GROUP, _NOTE, str(shared), project).returncode == 0
    script = (
        "found = Roots(); roots_of_projects(cache.root, found); print(found.gone, [one.path for one in found.unread])"
    )
    done = run_as(BEN, GROUP, script, str(shared))
    assert done.stdout.strip() == f"[b'{shared}/no-such'] ['{hidden}/p']", done.stderr


_PUSH = """
data = os.urandom(300_000)
push_objects(cache, open_remote(sys.argv[2]), [cache.add_bytes(data), cache.add_bytes(data[:9])])
"""


def test_all_of_a_group_push_to_a_directory_that_is_theirs_whatever_their_umask(shared: Path) -> None:
    far = shared / "far"
    far.mkdir()
    far.chmod(0o2775)
    for user in (ANN, BEN):
        own = shared / str(user)
        own.mkdir()
        os.chown(own, user, user)
        done = run_as(user, GROUP, _PUSH, str(own), str(far))
        assert done.returncode == 0, done.stderr
    found = [path.stat() for path in far.rglob("*")]
    assert {stat.S_IMODE(one.st_mode) for one in found} == {0o2775, 0o444}
    assert {one.st_uid for one in found} == {ANN, BEN}


_FETCH = """
from pathlib import Path
for path in Path(cache.root).joinpath("partial").glob("*"):
    assert path.stat().st_uid == os.getuid() or not os.access(path, os.R_OK)
data = b"small" if sys.argv[3] == "small" else b"large" * 200_000
fetch_objects(cache, open_remote(sys.argv[2]), [ObjectRef(digest_of(data), len(data))])
"""


def test_what_one_user_began_to_fetch_does_not_stop_another(shared: Path) -> None:
    far, store = str(shared / "far"), shared / "store"
    own = Cache(str(shared / "own"))
    refs = [own.add_bytes(data) for data in (b"small", b"large" * 200_000)]
    push_objects(own, open_remote(far), refs)
    store.mkdir()
    store.chmod(0o2775)
    assert run_as(ANN, GROUP, _FETCH, str(store), far, "small").returncode == 0
    begun = store / "partial" / refs[1].digest[3:]
    begun.parent.mkdir(exist_ok=True)
    begun.parent.chmod(0o2775)
    begun.write_bytes(b"large")
    begun.chmod(0o600)
    os.chown(begun, ANN, GROUP)
    done = run_as(BEN, GROUP, _FETCH, str(store), far, "large")
    assert done.returncode == 0, done.stderr
    assert Cache(str(store)).size(refs[1].digest) == refs[1].size
