"""A push that is killed at any instant, and several at once: what indexes name is there, and the next push ends it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.digest import digest_of
from repro.model.packs.condemned import BadCondemned, render_condemned
from repro.store.cache.cache import Cache, MissingObject
from repro.store.cache.missing import missing_here
from repro.store.open_remote import open_remote
from repro.store.remote.objects import RemoteObjects
from repro.store.storages.errors import MissingOnRemote, NotARemote, RemoteUnreachable
from repro.store.transfer.transfer import Push, Transferred, fetch_objects, push_objects
from tests.packed_remotes import digests_in, indexes_in

SEEDS = int(os.environ.get("REPRO_SEEDS", "30"))

_PUSH = """
import sys
from repro.model.data.content import Content, Kind
from repro.store.transfer import outgoing
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import push_objects
outgoing.PACK_SIZE = 200_000
outgoing._PACKS_AT_ONCE = 2
root = Content(Kind.DIRECTORY, int(sys.argv[4]), digest=sys.argv[3])
print(flush=True)
sent = push_objects(Cache(sys.argv[1]), open_remote(sys.argv[2]), [root], jobs=2)
print(sent.objects)
"""


def _directory(cache: Cache, entries: dict[str, ObjectRef | Content]) -> Content:
    listed = [
        Entry(name.encode(), ref if isinstance(ref, Content) else Content(Kind.FILE, ref.size, digest=ref.digest))
        for name, ref in entries.items()
    ]
    return Content(Kind.DIRECTORY, total_size(listed), digest=cache.add_bytes(encode_tree(listed)).digest)


def _made(cache: Cache, seed: int, directories: int = 20) -> Content:
    """Directories of small files, and one large file, all different for each seed; some of it in packs."""
    noise = random.Random(seed)
    parts: dict[str, ObjectRef | Content] = {"large": cache.add_bytes(noise.randbytes(3_000_000))}
    for number in range(directories):
        with cache.batch() as batch:
            files = {f"{n}": batch.add_bytes(noise.randbytes(noise.randrange(3000))) for n in range(80)}
        parts[f"d{number}"] = _directory(cache, dict(files))
    return _directory(cache, parts)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Content]:
    root = str(tmp_path_factory.mktemp("made") / "cache")
    return root, _made(Cache(root), 1)


def _check(cache: Cache, remote: Path, tree: Content) -> None:
    """What indexes name is in packs that are there, and a tree is there with all that is below it."""
    for index in indexes_in(remote):
        for pack in index.packs:
            assert (remote / "packs" / pack.digest[3:]).stat().st_size == pack.length
    there = digests_in(remote)
    waiting = [tree]
    while waiting:
        content = waiting.pop()
        if content.kind is Kind.DIRECTORY and content.digest:
            below = [entry.content for entry in cache.read_tree(content.digest)]
            waiting += below
            assert content.digest not in there or all(c.digest in there for c in below)


def _begin(root: str, remote: Path, tree: Content) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _PUSH, root, str(remote), tree.digest or "", str(tree.size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


@pytest.mark.parametrize("part", range(3))
def test_a_push_killed_at_any_instant_is_ended_by_the_next(
    made: tuple[str, Content], tmp_path: Path, part: int
) -> None:
    root, tree = made
    cache = Cache(root)
    for seed in range(part, SEEDS, 3):
        remote = tmp_path / f"remote{seed}"
        with _begin(root, remote, tree) as child:
            assert child.stdout
            child.stdout.readline()
            time.sleep(random.Random(seed).uniform(0, 0.6))
            child.send_signal(signal.SIGKILL)
        if remote.exists():
            _check(cache, remote, tree)
        push_objects(cache, open_remote(str(remote)), [tree])
        _check(cache, remote, tree)
        elsewhere = Cache(str(tmp_path / f"elsewhere{seed}"))
        fetch_objects(elsewhere, open_remote(str(remote)), [tree])
        assert missing_here(elsewhere, [tree]) == ()


def test_two_pushers_at_once_share_a_remote(tmp_path: Path) -> None:
    one, two = Cache(str(tmp_path / "one")), Cache(str(tmp_path / "two"))
    shared = 7
    trees = [_directory(c, {"own": _made(c, n, 5), "shared": _made(c, shared, 5)}) for n, c in ((1, one), (2, two))]
    remote = tmp_path / "remote"
    with _begin(one.root, remote, trees[0]) as first, _begin(two.root, remote, trees[1]) as second:
        assert first.wait(60) == second.wait(60) == 0
    elsewhere = Cache(str(tmp_path / "elsewhere"))
    fetch_objects(elsewhere, open_remote(str(remote)), trees)
    assert missing_here(elsewhere, trees) == ()
    listed = (remote / "index-list").read_text().split()
    assert listed == sorted(f"indexes/{path.name}" for path in (remote / "indexes").iterdir())


def test_a_remote_that_vanishes_is_no_empty_one(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    ref = cache.add_bytes(b"hello")
    push_objects(cache, open_remote(str(tmp_path / "remote")), [ref])
    (tmp_path / "remote").rename(tmp_path / "away")
    elsewhere = Cache(str(tmp_path / "elsewhere"))
    with pytest.raises(NotARemote):
        fetch_objects(elsewhere, open_remote(str(tmp_path / "remote")), [ref])
    with pytest.raises(RemoteUnreachable):
        fetch_objects(elsewhere, open_remote("http://127.0.0.1:9/"), [ref])


def test_a_remote_made_anew_under_the_same_name_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    ref = cache.add_bytes(b"hello")
    push_objects(cache, open_remote(str(place)), [ref])
    place.rename(tmp_path / "old")
    assert push_objects(cache, open_remote(str(place)), [ref]) == Transferred(1, 5)


def test_many_indexes_are_made_one_here_and_nothing_is_forgotten(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    refs = []
    for number in range(40):
        refs.append(cache.add_bytes(b"%d" % number))
        push_objects(cache, open_remote(str(place)), [refs[-1]])
    objects = RemoteObjects(open_remote(str(place)), cache.root)
    assert [ref for ref in refs if not objects.has(ref.digest)] == []
    assert len(objects.indexes()) <= 17
    assert len(list((place / "indexes").iterdir())) == 40
    lost = sorted((place / "indexes").iterdir())[0]
    lost.unlink()
    objects = RemoteObjects(open_remote(str(place)), cache.root)
    assert len([ref for ref in refs if not objects.has(ref.digest)]) == 1


def test_what_is_condemned_is_sent_again(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    tree = _directory(cache, {"a": cache.add_bytes(b"a"), "b": cache.add_bytes(b"b")})
    remote = open_remote(str(place))
    push_objects(cache, remote, [tree])
    old = remote.list("packs")
    remote.put_bytes("condemned/first", render_condemned(old))
    assert push_objects(cache, remote, [tree]).objects == 3
    for name in [*old, "condemned/first"]:
        remote.delete(name)
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 3


def test_a_pack_of_here_does_not_go_to_a_name_that_is_condemned(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    with cache.batch() as batch:
        refs = [batch.add_bytes(b"%d" % number) for number in range(100)]
    remote = open_remote(str(place))
    push_objects(cache, remote, refs)
    old = remote.list("packs")
    assert old == [f"packs/{path.name}" for path in (tmp_path / "cache" / "packs").iterdir()], "it went as it is"
    remote.put_bytes("condemned/first", render_condemned(old))
    assert push_objects(cache, remote, refs).objects == 100
    for name in [*old, "condemned/first"]:
        remote.delete(name)
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, refs).objects == 100


def test_what_is_condemned_during_a_push_is_sent_again_before_it_ends(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    below = _directory(cache, {"a": cache.add_bytes(b"a"), "b": cache.add_bytes(b"b")})
    remote = open_remote(str(place))
    push_objects(cache, remote, [below])
    old = remote.list("packs")
    tree = _directory(cache, {"below": below, "c": cache.add_bytes(b"c")})
    with Push(cache, open_remote(str(place))) as pushing:
        assert pushing.send([tree]).objects == 2
        remote.put_bytes("condemned/now", render_condemned(old))
        pushing.flush()
    for name in old:
        remote.delete(name)
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 5


def test_what_is_condemned_and_not_here_is_saved_from_there(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    tree = _directory(cache, {"a": cache.add_bytes(b"a"), "b": cache.add_bytes(b"b" * 1000)})
    remote = open_remote(str(place))
    push_objects(cache, remote, [tree])
    old = remote.list("packs")
    remote.put_bytes("condemned/first", render_condemned(old))
    push_objects(Cache(str(tmp_path / "empty")), remote, [tree])
    for name in old:
        remote.delete(name)
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 3
    with pytest.raises(MissingObject):
        push_objects(Cache(str(tmp_path / "empty")), remote, [ObjectRef(digest_of(b"nowhere"), 7)])


def test_a_condemnation_that_nobody_understands_stops_a_push(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    remote.put_bytes("condemned/later", b"repro-condemned 2\n?\n")
    cache = Cache(str(tmp_path / "cache"))
    with pytest.raises(BadCondemned):
        push_objects(cache, remote, [cache.add_bytes(b"x")])


def test_objects_whose_packs_went_between_the_listing_and_the_reading_are_missing(tmp_path: Path) -> None:
    cache, place = Cache(str(tmp_path / "cache")), tmp_path / "remote"
    ref = cache.add_bytes(b"hello")
    push_objects(cache, open_remote(str(place)), [ref])
    objects = RemoteObjects(open_remote(str(place)), str(tmp_path / "other"))
    assert objects.has(ref.digest)
    for path in (place / "packs").iterdir():
        path.unlink()
    with pytest.raises(MissingOnRemote):
        objects.read(ref.digest, 5)
    assert not objects.has(ref.digest)
