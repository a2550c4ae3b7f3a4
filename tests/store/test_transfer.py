import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repro.errors import IntegrityError, RemoteError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import SMALL_LIMIT, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_entries
from repro.model.packs.pack_places import place_bytes
from repro.model.progress import Silent
from repro.store.cache.cache import Cache, CorruptObject, MissingObject
from repro.store.cache.missing import missing_here
from repro.store.open_remote import open_remote
from repro.store.parallel import run_all
from repro.store.remote.names import pack_name
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.storages.errors import MissingOnRemote
from repro.store.transfer import outgoing
from repro.store.transfer.fetched_packs import CameAlong
from repro.store.transfer.transfer import Push, Transferred, fetch_objects, push_objects
from tests.packed_remotes import digests_in, indexes_in, put_objects, spoil

LINK = Content(Kind.SYMLINK, 1, target=b"x")
LARGE = b"".join(digest_of(b"%d" % number).encode() for number in range(50_000))
"""3 MB in several chunks, always the same."""
NOISE = random.Random(1).randbytes(3_000_000)
"""In more chunks, which zstd makes no smaller."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "elsewhere"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return open_remote(str(tmp_path / "remote"))


class Counting(Silent):
    """Progress that remembers."""

    def __init__(self) -> None:
        self.bytes = self.files = 0
        self.totals: tuple[int | None, int | None] = (None, None)
        self.heard: list[int | None] = []

    def __call__(self, size: int, /) -> None:
        self.bytes += size

    def advance(self, size: int, files: int = 0) -> None:
        self.bytes += size
        self.files += files

    def total(self, size: int | None = None, files: int | None = None) -> None:
        self.totals = size, files
        self.heard.append(files)


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
    return _directory(cache, inner=inner, nested=nested, empty=_directory(cache), c=_file(cache, LARGE))


def _many(cache: Cache, count: int, size: int = 1000) -> Content:
    """A directory of many small files, in packs here."""
    with cache.batch() as batch:
        refs = [batch.add_bytes(f"{number} ".encode() * (size // 6)) for number in range(count)]
    return _directory(cache, **{f"f{n:06}": Content(Kind.FILE, r.size, digest=r.digest) for n, r in enumerate(refs)})


def _packs(place: Path) -> int:
    return sum(path.stat().st_size for path in (place / "packs").glob("*"))


def test_what_was_pushed_can_be_fetched_elsewhere(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree, lock = _tree(cache), cache.add_bytes(b"a lock")
    sent = push_objects(cache, remote, [tree, lock, LINK])
    assert missing_here(elsewhere, [tree, lock]) == (tree.digest, lock.digest)
    brought = fetch_objects(elsewhere, remote, [tree, lock, LINK])
    assert sent.objects == brought.objects == 8
    assert sent.bytes == brought.bytes
    assert missing_here(elsewhere, [tree, lock]) == ()
    assert elsewhere.read(ObjectRef(digest_of(LARGE), len(LARGE))) == LARGE
    assert Path(elsewhere.path_of(digest_of(LARGE))).stat().st_mode & 0o777 == 0o444
    assert not any(Path(elsewhere.root, "partial").iterdir())


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


def test_progress_knows_the_total_and_counts_every_byte(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree = _tree(cache)
    sent, brought = Counting(), Counting()
    total = push_objects(cache, remote, [tree], progress=sent)
    fetch_objects(elsewhere, remote, [tree], progress=brought)
    assert sent.bytes == brought.bytes == total.bytes
    assert sent.totals == (total.bytes, 7)
    assert brought.totals == (len(LARGE) + 6, 3)


def test_progress_hears_what_was_found_while_the_rest_is_looked_for(
    cache: Cache, elsewhere: Cache, remote: Remote
) -> None:
    tree = _directory(cache, some=_many(cache, 2500), one=_file(cache, b"one"), few=_tree(cache))
    sent, brought = Counting(), Counting()
    push_objects(cache, remote, [tree], progress=sent)
    fetch_objects(elsewhere, remote, [tree], progress=brought)
    for heard in (sent.heard, brought.heard):
        assert len(heard) >= 4
        assert all(heard)
        assert heard == sorted(heard, key=lambda files: files or 0)
    assert {1000, 2000} <= set(brought.heard)


@pytest.mark.parametrize("count", [10, 3000])
def test_many_small_files_are_few_files_on_the_remote_and_here(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path, count: int
) -> None:
    tree = _many(cache, count)
    assert push_objects(cache, remote, [tree]).objects == count + 1
    assert len([path for path in (tmp_path / "remote").rglob("*") if path.is_file()]) <= 5
    assert fetch_objects(elsewhere, remote, [tree]).objects == count + 1
    assert missing_here(elsewhere, [tree]) == ()
    assert sum(path.is_file() for path in Path(elsewhere.root, "objects").rglob("*")) < 64


def test_a_pack_that_is_wanted_whole_goes_as_it_is(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    tree = _many(cache, 3000)
    [pack] = Path(cache.root, "packs").iterdir()
    push_objects(cache, remote, [tree])
    assert (tmp_path / "remote/packs" / pack.name).read_bytes() == pack.read_bytes()


def test_files_that_come_in_one_pack_with_trees_are_counted_once_and_only_where_they_were_not_here(
    cache: Cache, elsewhere: Cache, remote: Remote
) -> None:
    with cache.batch() as batch:
        files = [batch.add_bytes(b"file %d" % number) for number in range(20)]
        folders = {}
        for number in range(4000):
            name = os.urandom(120).hex().encode()
            content = Content(Kind.FILE, files[number % 20].size, digest=files[number % 20].digest)
            tree = batch.add_bytes(encode_tree([Entry(name, content), Entry(name + b"2", content)]))
            folders[f"d{number:04}"] = Content(Kind.DIRECTORY, 2 * content.size, digest=tree.digest)
    root = _directory(cache, **folders)
    [pack] = Path(cache.root, "packs").iterdir()
    assert pack.stat().st_size > 1024 * 1024, "it would not come whole"
    sent = push_objects(cache, remote, [root])
    for number in range(2):
        elsewhere.add_bytes(b"file %d" % number)
    brought = fetch_objects(elsewhere, remote, [root])
    assert Path(elsewhere.root, "packs", pack.name).exists(), "it came whole"
    assert sent.objects == 20 + 4000 + 1
    assert brought.objects == sent.objects - 2
    assert brought.bytes == sent.bytes - 2 * len(b"file 0")
    assert fetch_objects(elsewhere, remote, [root]) == Transferred()


def test_many_that_come_along_are_all_counted_and_take_a_mark_each() -> None:
    draw = random.Random(1)
    named = [sorted(draw.randbytes(32) for _ in range(60_000)) for _ in range(2)]
    packs = [PackFile(digest_of(b"pack"), 10**9)]
    indexes = tuple(
        PackIndex(encode_entries(packs, [raw + place_bytes(0, 16, 8, 8, RecordKind.RAW) for raw in some]))
        for some in named
    )
    unnamed = sorted(draw.randbytes(32) for _ in range(10))
    tracemalloc.start()
    along = CameAlong()
    for start in range(0, 60_000, 6000):
        for some in named:
            along.note(some[start : start + 6000], indexes)
    along.note(unnamed, indexes)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200_000
    for raw in itertools.chain(*named, unnamed):
        assert along.is_asked_for(raw)
        assert not along.is_asked_for(raw), "it is counted from now on"
    assert not along.is_asked_for(bytes(32))


def test_of_a_pack_that_is_there_in_part_only_the_rest_goes(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    tree = _many(cache, 3000)
    entries = cache.read_tree(Digest(tree.digest or ""))
    some = _directory(cache, **{entry.name.decode(): entry.content for entry in entries[:2000]})
    push_objects(cache, remote, [some])
    before = _packs(tmp_path / "remote")
    assert push_objects(cache, remote, [tree]).objects == 1001
    assert _packs(tmp_path / "remote") < before * 0.9 + 300_000


def test_an_inserted_byte_costs_a_chunk_or_two(cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path) -> None:
    data = os.urandom(24_000_000)
    push_objects(cache, remote, [cache.add_bytes(data)])
    before = _packs(tmp_path / "remote")
    changed = cache.add_bytes(data[:12_000_000] + b"!" + data[12_000_000:])
    sent = push_objects(cache, remote, [changed])
    assert sent.bytes < 2 * 2**20
    assert _packs(tmp_path / "remote") - before < 2 * 2**20
    fetch_objects(elsewhere, remote, [changed])
    elsewhere.verify(changed)


@pytest.mark.parametrize("size", [SMALL_LIMIT, SMALL_LIMIT + 1, 600_000, 2 * 2**20, 2 * 2**20 + 1, 9_000_000])
@pytest.mark.parametrize("fill", ["zeros", "noise"])
def test_objects_of_any_size_come_back(cache: Cache, elsewhere: Cache, remote: Remote, size: int, fill: str) -> None:
    ref = cache.add_bytes(bytes(size) if fill == "zeros" else os.urandom(size))
    push_objects(cache, remote, [ref])
    assert fetch_objects(elsewhere, remote, [ref]).objects == 1
    elsewhere.verify(ref)


def test_a_tree_too_large_for_a_record_comes_back(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    file = _file(cache, b"x")
    tree = _directory(cache, **{f"name-{number:070}": file for number in range(8000)})
    push_objects(cache, remote, [tree])
    assert fetch_objects(elsewhere, remote, [tree]).objects == 2
    assert len(elsewhere.read_tree(Digest(tree.digest or ""))) == 8000


class Watching(DirectoryStorage):
    """A directory that remembers, of each index, what the indexes and packs were when it came."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.seen: list[set[Digest]] = []

    def put_bytes(self, name: str, data: bytes) -> None:
        super().put_bytes(name, data)
        if name.startswith("indexes/"):
            root = Path(self._root)
            self.seen.append(digests_in(root))
            for index in indexes_in(root):
                assert all((root / pack_name(pack.digest)).stat().st_size == pack.length for pack in index.packs)


def _trees_without_children(cache: Cache, there: set[Digest], tree: Content) -> list[Digest]:
    found, waiting = [], [tree]
    while waiting:
        content = waiting.pop()
        if content.kind is Kind.DIRECTORY and content.digest:
            below = [entry.content for entry in cache.read_tree(content.digest)]
            waiting += below
            if content.digest in there and any(c.digest not in there for c in below if c.digest):
                found.append(content.digest)
    return found


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "PACK_SIZE", 100_000)
    monkeypatch.setattr(outgoing, "_PACKS_AT_ONCE", 2)


@pytest.mark.usefixtures("small_packs")
def test_no_index_names_a_tree_before_all_that_is_below_it(cache: Cache, tmp_path: Path) -> None:
    storage = Watching(str(tmp_path / "remote"))
    tree = _directory(cache, many=_many(cache, 3000), tree=_tree(cache), noise=_file(cache, NOISE))
    push_objects(cache, Remote(storage, "watching"), [tree], jobs=4)
    assert len(storage.seen) > 5
    assert [_trees_without_children(cache, there, tree) for there in storage.seen] == [[]] * len(storage.seen)
    assert tree.digest in storage.seen[-1]


class Waiting(DirectoryStorage):
    """A directory that takes no index before it is told to."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.go_on = threading.Event()

    def put_bytes(self, name: str, data: bytes) -> None:
        if name.startswith("indexes/"):
            assert self.go_on.wait(90)
        super().put_bytes(name, data)


@pytest.mark.usefixtures("small_packs")
def test_what_waits_to_be_named_does_not_pile_up(cache: Cache, elsewhere: Cache, tmp_path: Path) -> None:
    storage = Waiting(str(tmp_path / "remote"))
    remote = Remote(storage, "waiting")
    refs = [cache.add_bytes(os.urandom(30_000)) for _ in range(200)]
    with ThreadPoolExecutor(1) as thread:
        push = thread.submit(push_objects, cache, remote, refs)
        packs, most = tmp_path / "remote" / "packs", 2 * (outgoing._INDEXES_AHEAD + 1)
        until = time.monotonic() + 60
        while not (packs.exists() and len(list(packs.iterdir())) >= most) and not push.done():
            assert time.monotonic() < until, "the push sends no more"
            time.sleep(0.02)
        time.sleep(0.5)  # in which the others would come
        there = len(list(packs.iterdir()))
        storage.go_on.set()
        push.result()
    assert there == most < len(list(packs.iterdir()))
    assert fetch_objects(elsewhere, remote, refs).objects == 200


class Dying(DirectoryStorage):
    """A directory whose disk breaks after some packs."""

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


@pytest.mark.usefixtures("small_packs")
@pytest.mark.parametrize("after", [0, 1, 3, 5, 8])
def test_a_push_that_broke_off_is_finished_by_the_next_which_sends_the_rest(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path, after: int
) -> None:
    refs = [cache.add_bytes(os.urandom(30_000)) for _ in range(40)]
    tree = _directory(cache, **{f"f{n}": Content(Kind.FILE, r.size, digest=r.digest) for n, r in enumerate(refs)})
    with pytest.raises(RemoteError):
        push_objects(cache, Remote(Dying(str(tmp_path / "remote"), after), "dying"), [tree], jobs=2)
    assert os.listdir(tmp_path / "remote/.repro-tmp-workshop") == []
    assert push_objects(cache, remote, [tree]).objects == 41 - 4 * after
    assert fetch_objects(elsewhere, remote, [tree]).objects == 41


@pytest.mark.usefixtures("small_packs")
@pytest.mark.parametrize("after", [0, 2])
def test_a_push_of_large_files_that_broke_off_leaves_no_pack_behind_and_is_finished_by_the_next(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path, after: int
) -> None:
    refs = [cache.add_bytes(os.urandom(SMALL_LIMIT + 1)) for _ in range(20)]
    with pytest.raises(RemoteError):
        push_objects(cache, Remote(Dying(str(tmp_path / "remote"), after), "dying"), refs, jobs=1)
    assert os.listdir(tmp_path / "remote/.repro-tmp-workshop") == []
    assert push_objects(cache, remote, refs).objects == 20 - after
    assert fetch_objects(elsewhere, remote, refs).objects == 20


class Slow(DirectoryStorage):
    """A directory to which a pack takes a while after somebody has become impatient."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        self.begun.set()
        assert self.go_on.wait(60)
        time.sleep(0.3)
        super().put_file(name, path, move)


class Impatient(Silent):
    """Progress that is broken off when two objects were dealt with, and the first is being sent."""

    def __init__(self, storage: Slow) -> None:
        self._left, self._storage = 2, storage

    def __call__(self, size: int, /) -> None:
        self._left -= 1
        if not self._left:
            assert self._storage.begun.wait(60)
            self._storage.go_on.set()
            raise KeyboardInterrupt


@pytest.mark.usefixtures("small_packs")
def test_packs_that_wait_to_be_sent_are_removed_when_a_push_is_interrupted(cache: Cache, tmp_path: Path) -> None:
    refs = [cache.add_bytes(os.urandom(SMALL_LIMIT + 1)) for _ in range(3)]
    slow = Slow(str(tmp_path / "remote"))
    with pytest.raises(KeyboardInterrupt):
        push_objects(cache, Remote(slow, "slow"), refs, 1, Impatient(slow))
    assert len(os.listdir(tmp_path / "remote/packs")) == 1
    assert os.listdir(tmp_path / "remote/.repro-tmp-workshop") == []


def test_what_is_missing_everywhere_is_named_before_anything_is_sent(
    cache: Cache, remote: Remote, tmp_path: Path
) -> None:
    tree = _tree(cache)
    os.unlink(cache.path_of(digest_of(b"two")))
    with pytest.raises(MissingObject, match=digest_of(b"two")):
        push_objects(cache, remote, [tree])
    assert not (tmp_path / "remote/packs").exists()
    gone = ObjectRef(digest_of(b"never seen"), 3)
    with pytest.raises(MissingObject, match="2 objects"):
        push_objects(cache, remote, [tree, gone])


def test_what_was_sent_before_something_was_missing_is_published(
    cache: Cache, elsewhere: Cache, remote: Remote
) -> None:
    tree = _tree(cache)
    with Push(cache, remote) as pushing:
        pushing.send([tree])
        with pytest.raises(MissingObject):
            pushing.send([ObjectRef(digest_of(b"never seen"), 3)])
        pushing.flush()
    assert fetch_objects(elsewhere, remote, [tree]).objects == 7


def test_what_the_remote_has_need_not_be_here(cache: Cache, elsewhere: Cache, remote: Remote) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    assert push_objects(elsewhere, remote, [tree]) == Transferred()


@pytest.mark.parametrize("data", [b"two", LARGE])
def test_a_damaged_object_is_not_pushed(cache: Cache, remote: Remote, tmp_path: Path, data: bytes) -> None:
    tree = _tree(cache)
    victim = Path(cache.path_of(digest_of(data)))
    victim.chmod(0o644)
    victim.write_bytes(data[:-1] + b"0")
    with pytest.raises(CorruptObject, match=digest_of(data)):
        push_objects(cache, remote, [tree])
    assert digest_of(data) not in digests_in(tmp_path / "remote")
    assert tree.digest not in digests_in(tmp_path / "remote")


def test_a_damaged_record_is_not_pushed(cache: Cache, remote: Remote, tmp_path: Path) -> None:
    tree = _many(cache, 500)
    victim = cache.read_tree(Digest(tree.digest or ""))[7].content
    spoil(Path(cache.root), Digest(victim.digest or ""))
    with pytest.raises(CorruptObject, match=victim.digest):
        push_objects(Cache(cache.root), remote, [tree])
    assert not {victim.digest, tree.digest} & digests_in(tmp_path / "remote")


def test_everything_the_remote_lacks_is_named_and_the_rest_is_brought(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    lost = [cache.add_bytes(b"lost %d" % number) for number in range(5)]
    push_objects(cache, remote, lost)
    for path in (tmp_path / "remote/packs").iterdir():
        path.unlink()
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    with pytest.raises(MissingOnRemote) as caught:
        fetch_objects(elsewhere, remote, [*lost, tree])
    assert set(caught.value.digests) == {ref.digest for ref in lost}
    assert caught.value.exit_code == 3
    assert missing_here(elsewhere, [tree]) == ()


def test_a_push_brings_back_what_an_accident_took_from_the_remote(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    tree = _tree(cache)
    push_objects(cache, remote, [tree])
    for path in (tmp_path / "remote/packs").iterdir():
        path.chmod(0o644)
        os.truncate(path, path.stat().st_size - 1)
    assert push_objects(cache, open_remote(str(tmp_path / "remote")), [tree]).objects == 7
    assert fetch_objects(elsewhere, remote, [tree]).objects == 7


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


def test_an_object_that_is_in_a_sound_pack_as_well_comes_from_there(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    ref = cache.add_bytes(b"hello" * 100)
    push_objects(cache, remote, [ref])
    damaged = spoil(tmp_path / "remote", ref.digest)
    shutil.move(tmp_path / "remote/indexes", tmp_path / "kept")
    push_objects(cache, remote, [cache.add_bytes(b"other"), ref])
    for path in (tmp_path / "kept").iterdir():
        shutil.move(path, tmp_path / "remote/indexes" / path.name)
    assert fetch_objects(elsewhere, remote, [ref]).objects == 1
    damaged.unlink()
    assert fetch_objects(Cache(str(tmp_path / "third")), remote, [ref]).objects == 1


def test_a_broken_off_download_of_a_large_file_is_gone_on_with(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    ref = cache.add_bytes(os.urandom(12_000_000))
    push_objects(cache, remote, [ref])
    chunks = sorted(path for path in (tmp_path / "remote/packs").iterdir())
    spoil_at = max(chunks, key=lambda path: path.stat().st_size)
    sound = spoil_at.read_bytes()
    spoil_at.chmod(0o644)
    spoil_at.write_bytes(sound[:9_000_000] + b"?" + sound[9_000_001:])
    with pytest.raises(IntegrityError):
        fetch_objects(elsewhere, remote, [ref])
    assert not elsewhere.has(ref.digest)
    spoil_at.write_bytes(sound)
    assert 0 < fetch_objects(elsewhere, remote, [ref]).bytes < 3_000_000
    elsewhere.verify(ref)


def test_a_tree_that_only_came_along_in_a_pack_is_not_taken_for_whole(
    elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    below = Content(Kind.FILE, 5, digest_of(b"below"))
    tree = encode_tree([Entry(b"file", below)])
    files = [os.urandom(60_000) for _ in range(40)]
    put_objects(remote, [*files, tree])
    put_objects(remote, [b"below"])
    fetch_objects(elsewhere, remote, [ObjectRef(digest_of(data), len(data)) for data in files])
    assert not elsewhere.has(digest_of(tree))
    fetch_objects(elsewhere, remote, [Content(Kind.DIRECTORY, 5, digest_of(tree))])
    assert elsewhere.has(digest_of(b"below"))


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
import sys, time
from repro.model.packs import ranges
from repro.model.data.content import ObjectRef
from repro.store.cache.cache import Cache
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.transfer.transfer import fetch_objects

ranges.MAX_RANGE = 1

class Slow(DirectoryStorage):
    def read_range(self, name, offset, length):
        print("started", flush=True)
        time.sleep(0.05)
        return super().read_range(name, offset, length)

refs = [ObjectRef(d, int(s)) for d, s in (a.split("=") for a in sys.argv[3:])]
try:
    fetch_objects(Cache(sys.argv[2]), Remote(Slow(sys.argv[1]), "slow"), refs, jobs=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_ends_a_fetch_at_once_and_the_next_one_finishes_it(
    cache: Cache, elsewhere: Cache, remote: Remote, tmp_path: Path
) -> None:
    refs = [cache.add_bytes(os.urandom(150_000)) for _ in range(200)]
    push_objects(cache, remote, refs)
    command = [sys.executable, "-c", _FETCH, str(tmp_path / "remote"), elsewhere.root]
    with subprocess.Popen([*command, *(f"{r.digest}={r.size}" for r in refs)], stdout=subprocess.PIPE) as child:
        assert child.stdout
        for _ in range(6):
            child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=60) == 130
    assert os.listdir(os.path.join(elsewhere.root, "tmp")) == []
    there = sum(elsewhere.has(ref.digest) for ref in refs)
    assert 0 < there < 200
    assert fetch_objects(elsewhere, remote, refs).objects == 200 - there
