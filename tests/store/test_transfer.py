import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from repro.errors import RemoteError
from repro.model.content import Content, Kind, ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.tree import Entry, encode_tree, total_size
from repro.store.cache import Cache, CorruptObject, MissingObject
from repro.store.open_remote import open_remote
from repro.store.parallel import run_all
from repro.store.remote import Remote
from repro.store.remote_directory import DirectoryStorage
from repro.store.remote_errors import MissingOnRemote
from repro.store.remote_names import object_name
from repro.store.transfer import Transferred, fetch_objects, missing_here, push_objects

LINK = Content(Kind.SYMLINK, 1, target=b"x")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "elsewhere"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return open_remote(str(tmp_path / "remote"))


def _file(cache: Cache, data: bytes) -> Content:
    ref = cache.add_bytes(data)
    return Content(Kind.FILE, ref.size, digest=ref.digest)


def _directory(cache: Cache, **entries: Content) -> Content:
    listed = [Entry(name.encode(), content) for name, content in entries.items()]
    return Content(Kind.DIRECTORY, total_size(listed), digest=cache.add_bytes(encode_tree(listed)).digest)


def _tree(cache: Cache) -> Content:
    """Two levels, 4 files with 3 contents, one subtree in two places: 7 objects."""
    inner = _directory(cache, a=_file(cache, b"one"), b=_file(cache, b"two"), link=LINK)
    nested = _directory(cache, inner=inner)
    return _directory(cache, inner=inner, nested=nested, empty=_directory(cache), c=_file(cache, b"x" * 3_000_000))


def _objects(place: Path) -> set[str]:
    return {f.parent.name + f.name for f in (place / "objects").rglob("*") if f.is_file()}


def test_what_was_pushed_can_be_fetched_elsewhere(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree, lock = _tree(cache), cache.add_bytes(b"a lock")
    sent = push_objects(cache, remote, [tree, lock, LINK])
    assert missing_here(elsewhere, [tree, lock]) == (tree.digest, lock.digest)
    brought = fetch_objects(elsewhere, remote, [tree, lock, LINK])
    assert sent.objects == brought.objects == 8
    assert sent.bytes == brought.bytes
    assert missing_here(elsewhere, [tree, lock]) == ()
    assert _objects(Path(cache.root)) == _objects(Path(elsewhere.root))


def test_nothing_travels_twice(cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    assert push_objects(cache, open_remote(str(tmp_path / "remote")), [tree]) == Transferred()
    fetch_objects(elsewhere, remote, [tree])
    assert fetch_objects(elsewhere, remote, [tree]) == Transferred()


def test_only_what_is_new_travels(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    grown = _directory(cache, before=tree, new=_file(cache, b"new"))
    assert push_objects(cache, remote, [grown]).objects == 2
    fetch_objects(elsewhere, remote, [tree])
    assert fetch_objects(elsewhere, remote, [grown]).objects == 2


def test_progress_counts_every_byte(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree = _tree(cache)
    sent: list[int] = []
    brought: list[int] = []
    total = push_objects(cache, remote, [tree], progress=sent.append).bytes
    fetch_objects(elsewhere, remote, [tree], progress=brought.append)
    assert sum(sent) == sum(brought) == total


class Recording(DirectoryStorage):
    """A directory that remembers in which order files came."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.order: list[str] = []
        self.lock = threading.Lock()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        super().put_file(name, path, move)
        with self.lock:
            self.order.append(name)


def test_children_are_there_before_the_tree_that_names_them(cache: Cache, tmp_path: Path) -> None:
    storage = Recording(str(tmp_path / "remote"))
    push_objects(cache, Remote(storage, "recording"), [_tree(cache)], jobs=4)
    place = {name: index for index, name in enumerate(storage.order)}
    checked = 0
    for name in storage.order:
        digest = Digest("b3:" + name[len("objects/") :].replace("/", ""))
        data = cache.read(cache.ref_of(digest))
        if not data.startswith(b"repro-tree"):
            continue
        for entry in cache.read_tree(digest):
            if entry.content.digest:
                assert place[object_name(entry.content.digest)] < place[name]
                checked += 1
    assert checked == 7


class Dying(DirectoryStorage):
    """A directory whose disk breaks after some files."""

    def __init__(self, root: str, after: int) -> None:
        super().__init__(root)
        self.left = after
        self.lock = threading.Lock()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        with self.lock:
            self.left -= 1
            if self.left < 0:
                raise OSError(5, "Input/output error")
        super().put_file(name, path, move)


@pytest.mark.parametrize("after", range(7))
def test_a_push_that_broke_off_is_finished_by_the_next(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path, after: int
) -> None:
    tree = _tree(cache)
    with pytest.raises(RemoteError):
        push_objects(cache, Remote(Dying(str(tmp_path / "remote"), after), "dying"), [tree], jobs=2)
    sent = len(_objects(tmp_path / "remote"))
    assert sent == after
    assert push_objects(cache, remote, [tree]).objects == 7 - after
    assert fetch_objects(elsewhere, remote, [tree]).objects == 7


def test_what_is_missing_everywhere_is_named_before_anything_is_sent(
    cache: Cache, remote: Remote, tmp_path: Path
) -> None:
    tree = _tree(cache)
    os.unlink(cache.path_of(digest_of(b"two")))
    with pytest.raises(MissingObject, match=digest_of(b"two")):
        push_objects(cache, remote, [tree])
    assert _objects(tmp_path / "remote") == set()
    gone = ObjectRef(digest_of(b"never seen"), 3)
    with pytest.raises(MissingObject, match="2 objects"):
        push_objects(cache, remote, [tree, gone])


def test_what_the_remote_has_need_not_be_here(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    assert push_objects(elsewhere, remote, [tree]) == Transferred()


def test_a_damaged_object_is_not_pushed(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    tree = _tree(cache)
    victim = Path(cache.path_of(digest_of(b"two")))
    victim.chmod(0o644)
    victim.write_bytes(b"tw0")
    with pytest.raises(CorruptObject, match=digest_of(b"two")):
        push_objects(cache, remote, [tree])
    assert remote.size(object_name(digest_of(b"two"))) is None


def test_everything_the_remote_lacks_is_named_and_the_rest_is_brought(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    lost = {digest_of(b"one"), digest_of(b"two")}
    for digest in lost:
        (tmp_path / "remote" / object_name(digest)).unlink()
    with pytest.raises(MissingOnRemote) as caught:
        fetch_objects(elsewhere, remote, [tree])
    assert set(caught.value.digests) == lost
    assert caught.value.exit_code == 3
    assert len(_objects(Path(elsewhere.root))) == 5


@pytest.mark.parametrize("what", ["tree", "file"])
def test_a_fetch_heals_what_was_set_aside_here(cache: Cache, remote: Remote, what: str) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    digest = tree.digest if what == "tree" else digest_of(b"two")
    assert digest
    ref = cache.ref_of(digest)
    path = Path(cache.path_of(digest))
    path.chmod(0o644)
    path.write_bytes(b"bad")
    if what == "file":
        with pytest.raises(CorruptObject):
            cache.verify(ref)
    assert fetch_objects(cache, remote, [tree]).objects == 1
    cache.verify(ref)


def test_a_push_replaces_an_object_that_an_accident_cut_short_on_the_remote(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    content = _file(cache, b"hello")
    push_objects(cache, remote, [content])
    file = tmp_path / "remote" / object_name(digest_of(b"hello"))
    file.chmod(0o644)
    file.write_bytes(b"he")
    assert push_objects(cache, remote, [content]).objects == 1
    assert fetch_objects(elsewhere, remote, [content]).objects == 1


@pytest.mark.parametrize("jobs", [1, 2, 16])
def test_work_is_done_in_order_of_results_with_any_number_of_jobs(jobs: int) -> None:
    assert run_all(lambda item, stop: item * 2, range(100), jobs) == [item * 2 for item in range(100)]


def test_the_first_failure_ends_the_rest() -> None:
    started: list[int] = []

    def work(item: int, stop: object) -> None:
        started.append(item)
        if item == 3:
            raise ConnectionError("gone")
        time.sleep(0.01)

    with pytest.raises(ConnectionError):
        run_all(work, range(10_000), 4)
    assert len(started) < 1000


_FETCH = """
import sys
from repro.model.content import ObjectRef
from repro.store.cache import Cache
from repro.store.remote import Remote
from repro.store.remote_directory import DirectoryStorage
from repro.store.transfer import fetch_objects
import time

class Slow(DirectoryStorage):
    def open(self, name):
        if name != "repro-remote":
            print("started", flush=True)
            time.sleep(0.05)
        return super().open(name)

refs = [ObjectRef(d, int(s)) for d, s in (a.split("=") for a in sys.argv[3:])]
try:
    fetch_objects(Cache(sys.argv[2]), Remote(Slow(sys.argv[1]), "slow"), refs, jobs=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_ends_a_fetch_at_once_and_the_next_one_finishes_it(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    refs = [cache.add_bytes(b"%d" % number * 1000) for number in range(200)]
    push_objects(cache, remote, refs)
    command = [sys.executable, "-c", _FETCH, str(tmp_path / "remote"), elsewhere.root]
    with subprocess.Popen([*command, *(f"{r.digest}={r.size}" for r in refs)], stdout=subprocess.PIPE) as child:
        assert child.stdout
        for _ in range(6):
            child.stdout.readline()
        started = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=20) == 130
    assert time.monotonic() - started < 4  # all of them would take five seconds
    assert os.listdir(os.path.join(elsewhere.root, "tmp")) == []
    there = len(_objects(Path(elsewhere.root)))
    assert 0 < there < 200
    assert fetch_objects(elsewhere, remote, refs).objects == 200 - there
