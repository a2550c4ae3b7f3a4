"""Packs that are wanted as a whole are on their way while the rest is looked for, and nothing names them before."""

from __future__ import annotations

import os
import random
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from repro.errors import RemoteError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_places import place_bytes
from repro.store.cache.cache import Cache, CorruptObject, MissingObject
from repro.store.open_remote import open_remote
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.transfer import looked_up, outgoing
from repro.store.transfer.sent_packs import SentAhead
from repro.store.transfer.transfer import Push, fetch_objects, push_objects


class SlowlyLooking(Cache):
    """A store that does not give one of its trees before something has happened."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.last: str | None = None
        self.has_happened: Callable[[], bool] = lambda: True

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        until = time.monotonic() + 20
        while digest == self.last and not self.has_happened():
            assert time.monotonic() < until, "it did not happen while the tree was waited for"
            time.sleep(0.01)
        return super().read_tree(digest)


class Blocked(DirectoryStorage):
    """A directory that takes no pack before it is told to."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.begun = 0
        self.go_on = threading.Event()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        self.begun += 1
        assert self.go_on.wait(20)
        super().put_file(name, path, move)


class Noting(DirectoryStorage):
    """A directory that notes what it was given, in its order."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.packs: list[Digest] = []
        self.named: list[Digest] = []

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        super().put_file(name, path, move)
        self.packs.append(Digest("b3:" + name.removeprefix("packs/")))

    def put_bytes(self, name: str, data: bytes) -> None:
        super().put_bytes(name, data)
        if name.startswith("indexes/"):
            self.named += [pack.digest for pack in PackIndex(data).packs]


class Broken(DirectoryStorage):
    """A directory whose disk is broken."""

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        raise OSError(5, "Input/output error")


@pytest.fixture(autouse=True)
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked up as they are met: how many together is about speed alone."""
    monkeypatch.setattr(looked_up, "_FIRST_BATCH", 1)
    monkeypatch.setattr(looked_up, "BATCH", 1)


@pytest.fixture
def cache(tmp_path: Path) -> SlowlyLooking:
    return SlowlyLooking(str(tmp_path / "cache"))


def _directory(cache: Cache, **entries: Content) -> Content:
    listed = [Entry(name.encode(), content) for name, content in entries.items()]
    return Content(Kind.DIRECTORY, total_size(listed), digest=cache.add_bytes(encode_tree(listed)).digest)


def _in_a_pack(cache: Cache, name: str) -> Content:
    """A directory of 100 files, which are all of a pack here."""
    with cache.batch() as batch:
        refs = [batch.add_bytes(f"{name} {number}".encode()) for number in range(100)]
    return _directory(cache, **{f"f{n}": Content(Kind.FILE, r.size, digest=r.digest) for n, r in enumerate(refs)})


def _with_last(cache: SlowlyLooking, *packs: str) -> Content:
    """A directory with these packs' files, and one that is looked at after them."""
    last = _directory(cache, file=Content(Kind.FILE, 4, digest=cache.add_bytes(b"last").digest))
    cache.last = last.digest
    return _directory(cache, a=last, **{f"b{name}": _in_a_pack(cache, name) for name in packs})


def _files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_pack_arrives_while_the_rest_is_looked_for_and_is_counted_once(cache: SlowlyLooking, tmp_path: Path) -> None:
    tree = _with_last(cache, "x", "y")
    packs = tmp_path / "remote" / "packs"
    cache.has_happened = lambda: len(_files(packs)) == 2
    remote = open_remote(str(tmp_path / "remote"))
    sent = push_objects(cache, remote, [tree])
    assert sent.objects == 2 * 101 + 3
    elsewhere = Cache(str(tmp_path / "elsewhere"))
    assert fetch_objects(elsewhere, remote, [tree]).objects == sent.objects
    assert set(_files(Path(cache.root) / "packs")) < set(_files(packs))


def test_indexes_name_packs_in_the_order_in_which_they_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_PACKS_AT_ONCE", 1)
    for number in range(6):  # in which order packs lie in the store's indexes is chance
        storage = Noting(str(tmp_path / f"remote {number}"))
        cache = SlowlyLooking(str(tmp_path / f"cache {number}"))
        tree = _with_last(cache, f"x{number}", f"y{number}")
        cache.has_happened = partial(lambda packs: len(packs) == 2, storage.packs)
        push_objects(cache, Remote(storage, "noting"), [tree], jobs=1)
        assert storage.named[:2] == storage.packs[:2]


def test_where_something_is_missing_nothing_names_what_came_before_and_the_next_push_finds_it(
    cache: SlowlyLooking, tmp_path: Path
) -> None:
    tree = _with_last(cache, "x")
    packs, indexes = tmp_path / "remote" / "packs", tmp_path / "remote" / "indexes"
    cache.has_happened = lambda: bool(_files(packs))
    os.unlink(cache.path_of(digest_of(b"last")))
    remote = open_remote(str(tmp_path / "remote"))
    with pytest.raises(MissingObject, match=digest_of(b"last")):
        push_objects(cache, remote, [tree])
    assert _files(indexes) == []
    [name] = _files(packs)
    before = (packs / name).stat()
    cache.add_bytes(b"last")
    push_objects(cache, remote, [tree])
    assert (packs / name).stat().st_ino == before.st_ino
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 101 + 3


def test_where_something_is_missing_what_has_not_begun_is_not_sent(cache: SlowlyLooking, tmp_path: Path) -> None:
    storage = Blocked(str(tmp_path / "remote"))
    tree, other = _with_last(cache, "x", "y", "z"), cache.add_bytes(b"other")
    cache.has_happened = lambda: storage.begun == 1
    gone = ObjectRef(digest_of(b"never seen"), 3)
    with Push(cache, Remote(storage, "blocked"), jobs=1) as pushing:
        with pytest.raises(MissingObject):
            pushing.send([tree, gone])
        storage.go_on.set()
        pushing.send([other])
        pushing.flush()
    assert storage.begun == 2
    assert len(_files(tmp_path / "remote" / "packs")) == 2
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), Remote(storage, "it"), [other]).objects == 1


def test_a_pack_that_could_not_be_sent_ahead_fails_the_push(cache: SlowlyLooking, tmp_path: Path) -> None:
    tree = _with_last(cache, "x")
    with pytest.raises(RemoteError, match="Input/output error"):
        push_objects(cache, Remote(Broken(str(tmp_path / "remote")), "broken"), [tree])
    assert _files(tmp_path / "remote" / "indexes") == []
    remote = open_remote(str(tmp_path / "remote"))
    assert push_objects(cache, remote, [tree]).objects == 101 + 3


def test_no_more_packs_wait_than_soon_have_their_turn() -> None:
    go_on, seen = threading.Event(), list[str]()

    def put(pack: PackFile, path: str) -> None:
        assert go_on.wait(20)
        seen.append(path)

    packs = [PackFile(digest_of(b"%d" % number), 100) for number in range(3)]
    with ThreadPoolExecutor(1) as uploads:
        ahead = SentAhead(uploads, put, 2)
        for number, pack in enumerate(packs):
            ahead.send(pack, str(number))
        arrivals = [ahead.take(pack, lambda: None) for pack in packs]
        go_on.set()
        assert [arrives and arrives.result() for arrives in arrivals] == [*packs[:2], None]
    assert seen == ["0", "1"]


class Damaged(Cache):
    """A store in which one object is damaged."""

    broken: Digest | None = None

    def read(self, ref: ObjectRef) -> bytes:
        if ref.digest == self.broken:
            raise CorruptObject(f"{ref.digest} is damaged")
        return super().read(ref)


def test_a_tree_of_which_a_file_could_not_be_sent_is_not_taken_for_sent(tmp_path: Path) -> None:
    cache, remote = Damaged(str(tmp_path / "cache")), open_remote(str(tmp_path / "remote"))
    ref = cache.add_bytes(b"damaged")
    content = Content(Kind.FILE, ref.size, digest=ref.digest)
    tree = _directory(cache, some=_in_a_pack(cache, "x"), file=content)
    with Push(cache, remote) as pushing:
        cache.broken = ref.digest
        with pytest.raises(CorruptObject):
            pushing.send([tree])
        pushing.send([cache.add_bytes(b"other")])
        pushing.flush()
        here = RemoteObjects(remote, str(tmp_path / "looking"))
        assert tree.digest is not None
        assert not here.has(tree.digest), "a tree is named, and its file is not there"
        cache.broken = None
        pushing.send([tree])
        pushing.flush()
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 100 + 3


def test_what_waits_for_an_index_takes_little_memory(tmp_path: Path) -> None:
    storage = Blocked(str(tmp_path / "remote"))
    remote = Remote(storage, "blocked")
    remote.prepare()
    objects = RemoteObjects(remote, str(tmp_path / "cache"))
    objects.indexes()
    sending = outgoing.Outgoing(objects, None, str(tmp_path / "tmp"), 8)
    draw, count, path = random.Random(1), 8000, tmp_path / "pack"
    path.write_bytes(b"a pack")
    try:
        tracemalloc.start()
        for number in range(4):
            rows = b"".join(draw.randbytes(32) + place_bytes(0, 16, 8, 8, RecordKind.RAW) for _ in range(count))
            sending.send_pack(PackFile(digest_of(b"%d" % number), 10**6), str(path), rows, b"", lambda: None)
        del rows
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 4 * count * 100, f"{held / 4 / count} bytes for each"
    finally:
        storage.go_on.set()
        sending.close()
