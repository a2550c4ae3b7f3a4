"""Trees and records from elsewhere that lie or try to get out, by name. Each gets exit code 4 and writes nothing."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from repro.data.checkout import place
from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import HEADER, Entry, encode_tree
from repro.model.digest import digest_of
from repro.model.names import RelPath
from repro.model.packs.pack import HEAD_BYTES
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.remote.names import pack_name
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.storages.storage import ListsNothing, StoredFile
from repro.store.transfer.transfer import fetch_objects
from tests.packed_remotes import put_objects, spoil

TARGET = RelPath(b"data")
HELLO = digest_of(b"hello")


def _record(letter: bytes, size: int, ref: str, name: bytes) -> bytes:
    return b"%s %d %s %s\0" % (letter, size, ref.encode(), name)


def _file(name: bytes, size: int = 5, digest: str = HELLO[3:]) -> bytes:
    return _record(b"f", size, digest, name)


def _link(name: bytes, target: bytes = b"..") -> bytes:
    return _record(b"l", len(target), target.hex(), name)


@dataclass(frozen=True)
class Case:
    tree: bytes
    says: str
    size: int = 5


CASES = {
    "dot dot": Case(HEADER + _file(b".."), "'..' points outside"),
    "dot": Case(HEADER + _file(b"."), "points outside"),
    "absolute": Case(HEADER + _file(b"/etc/passwd"), "'/etc/passwd' holds a slash"),
    "slash": Case(HEADER + _file(b"a/b"), "'a/b' holds a slash"),
    "climbing": Case(HEADER + _file(b"../../x"), "holds a slash"),
    "empty name": Case(HEADER + _file(b""), "name is empty"),
    "long name": Case(HEADER + _file(b"n" * 256), "longer than 255"),
    "git folder": Case(HEADER + _record(b"d", 0, HELLO[3:], b".git"), "'.git' is git's own folder"),
    "git folder in other case": Case(HEADER + _record(b"d", 0, HELLO[3:], b".GiT"), "git's own folder"),
    "git folder as Windows sees it": Case(HEADER + _file(b"git~1"), "git's own folder"),
    "duplicate": Case(HEADER + _file(b"a") + _file(b"a"), "names 'a' twice", 10),
    "link and file of one name": Case(HEADER + _link(b"a") + _file(b"a"), "names 'a' twice", 7),
    "unsorted": Case(HEADER + _file(b"b") + _file(b"a"), "not sorted", 10),
    "cut off": Case((HEADER + _file(b"a"))[:-4], "cut off"),
    "no fields": Case(HEADER + b"nonsense\0", "four fields"),
    "unknown kind": Case(HEADER + _record(b"s", 5, HELLO[3:], b"a"), "unknown kind 's'"),
    "negative size": Case(HEADER + b"f -5 %s a\0" % HELLO[3:].encode(), "impossible size"),
    "enormous size": Case(HEADER + b"f 9223372036854775808 %s a\0" % HELLO[3:].encode(), "impossible size"),
    "size with zeros": Case(HEADER + b"f 05 %s a\0" % HELLO[3:].encode(), "impossible size"),
    "no digest": Case(HEADER + _file(b"a", digest="zz"), "64 hex digits"),
    "upper-case digest": Case(HEADER + _file(b"a", digest=HELLO[3:].upper()), "64 hex digits"),
    "link target with NUL": Case(HEADER + _link(b"a", b"x\0y"), "no file system takes", 3),
    "link without target": Case(HEADER + b"l 0  a\0", "no target", 0),
    "link size lies": Case(HEADER + b"l 9 2e2e a\0", "says 9 bytes and has 2", 9),
    "newer": Case(b"repro-tree 2\0", "format version 2", 0),
    "not a tree": Case(b"hello", "not a tree", 5),
    "empty object": Case(b"", "not a tree", 0),
    "sum lies": Case(HEADER + _file(b"a"), "add up to 5", 6),
    "file is longer than declared": Case(HEADER + _file(b"a", 4), "5 bytes where 4", 4),
    "file is shorter than declared": Case(HEADER + _file(b"a", 6), "5 bytes where 6", 6),
    "one object with two sizes": Case(HEADER + _file(b"a") + _file(b"b", 6), "bytes", 11),
}


def _everything_below(path: Path) -> list[str]:
    return sorted(os.path.join(folder, name) for folder, ds, fs in os.walk(path) for name in ds + fs)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_tree_in_the_cache_is_refused_and_nothing_leaves_the_target(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    cache = Cache(str(tmp_path / "cache"))
    cache.add_bytes(b"hello")
    content = Content(Kind.DIRECTORY, case.size, digest=cache.add_bytes(case.tree).digest)
    (tmp_path / "outer" / "project").mkdir(parents=True)
    with pytest.raises(IntegrityError, match=case.says) as caught:
        place(content, str(tmp_path / "outer" / "project"), TARGET, cache)
    assert caught.value.exit_code == 4
    written = _everything_below(tmp_path / "outer")
    allowed = str(tmp_path / "outer" / "project" / "data")
    assert [path for path in written if not path.startswith(allowed) and path != os.path.dirname(allowed)] == []
    assert not any(".repro-tmp-" in path for path in written)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_tree_on_a_remote_is_refused(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    remote = open_remote(str(tmp_path / "remote"))
    pack = put_objects(remote, [b"hello", case.tree])
    content = Content(Kind.DIRECTORY, case.size, digest=digest_of(case.tree))
    cache = Cache(str(tmp_path / "cache"))
    with pytest.raises(IntegrityError) as caught:
        fetch_objects(cache, remote, [content])
    assert caught.value.exit_code == 4
    assert remote.size(pack_name(pack.digest)) == pack.length


@pytest.mark.parametrize("of", ["tree", "file"])
@pytest.mark.parametrize(("at", "cut"), [(0, False), (40, False), (-1, False), (3, True), (-1, True)])
def test_wrong_bytes_on_a_remote_are_named_and_stay_there(tmp_path: Path, of: str, at: int, cut: bool) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    tree = encode_tree([Entry(b"a", Content(Kind.FILE, 5, digest=HELLO))])
    victim = tree if of == "tree" else b"hello"
    put_objects(remote, [tree, b"hello"] if of == "file" else [b"hello", tree])
    file = spoil(tmp_path / "remote", digest_of(victim), HEAD_BYTES + len(victim) + at if at < 0 else at, cut)
    if cut:  # a pack of another length is none, whatever its name says; unless nothing lists the lengths

        class Unlisted(DirectoryStorage):
            def entries_below(self, prefix: str) -> list[StoredFile]:
                raise ListsNothing(prefix)

        remote.put_bytes("index-list", "\n".join(remote.list("indexes")).encode())
        remote = Remote(Unlisted(str(tmp_path / "remote")), "unlisted")
    wrong = file.read_bytes()
    cache = Cache(str(tmp_path / "cache"))
    with pytest.raises(IntegrityError, match=f"{digest_of(victim)}.*{file.name} at ") as caught:
        fetch_objects(cache, remote, [Content(Kind.DIRECTORY, 5, digest=digest_of(tree))])
    assert caught.value.id == "corrupt-remote-object"
    assert file.read_bytes() == wrong
    assert not cache.has(digest_of(victim))


def test_a_tree_of_more_than_512_levels_is_refused(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    remote = open_remote(str(tmp_path / "remote"))
    data = encode_tree([])
    trees = []
    for _ in range(514):
        cache.add_bytes(data)
        trees.append(data)
        top = Content(Kind.DIRECTORY, 0, digest=digest_of(data))
        data = encode_tree([Entry(b"n", top)])
    put_objects(remote, trees)
    (tmp_path / "project").mkdir()
    with pytest.raises(IntegrityError, match="deeper than 512"):
        fetch_objects(Cache(str(tmp_path / "empty")), remote, [top])
    with pytest.raises(IntegrityError, match="deeper than 512"):
        place(top, str(tmp_path / "project"), TARGET, cache)


def test_a_symlink_is_not_written_through_by_a_later_item(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    ref = cache.add_bytes(b"evil")
    (tmp_path / "outside").mkdir()
    (tmp_path / "project").mkdir()
    outside = os.fsencode(tmp_path / "outside")
    place(Content(Kind.SYMLINK, len(outside), target=outside), str(tmp_path / "project"), RelPath(b"a"), cache)
    content = Content(Kind.FILE, ref.size, digest=ref.digest)
    with pytest.raises(IntegrityError, match="a is a symbolic link") as caught:
        place(content, str(tmp_path / "project"), RelPath(b"a/b"), cache)
    assert caught.value.id == "unsafe-link"
    assert os.listdir(tmp_path / "outside") == []


def test_a_digest_that_names_a_file_is_not_a_directory(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    ref = cache.add_bytes(b"just a file")
    (tmp_path / "data").write_bytes(b"was here")
    with pytest.raises(IntegrityError, match="not a tree"):
        place(Content(Kind.DIRECTORY, ref.size, digest=ref.digest), str(tmp_path), TARGET, cache)
    assert (tmp_path / "data").read_bytes() == b"was here"


def test_a_tree_that_shares_one_subtree_everywhere_is_fetched_once(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    data, content = b"hello", Content(Kind.FILE, 5, digest=HELLO)
    objects = [data]
    for _ in range(60):  # 2^60 files, 61 objects
        data = encode_tree([Entry(b"a", content), Entry(b"b", content)])
        objects.append(data)
        content = Content(Kind.DIRECTORY, content.size * 2, digest=digest_of(data))
    put_objects(remote, objects)
    brought = fetch_objects(Cache(str(tmp_path / "cache")), remote, [content])
    assert brought.objects == 61


def test_a_declared_size_is_compared_with_an_intact_object(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"))
    ref = cache.add_bytes(b"hello")
    for size in (4, 6):
        with pytest.raises(IntegrityError, match=f"5 bytes where {size}"):
            cache.read(ObjectRef(ref.digest, size))
    assert cache.read(ref) == b"hello"  # a lying record has not cost us the object
