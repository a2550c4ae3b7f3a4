"""Work-tree files that share their bytes with the store, on the file systems that are here."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.link_in_place import link_in_place
from repro.data.memo import opened_memo
from repro.data.scan import DataNotFound
from repro.data.standing import would_lose
from repro.model.data.content import Content, Kind
from repro.model.data.links import LINK_FROM, Linker, Way
from repro.model.names import RelPath
from repro.store.cache.cache import Cache, CorruptObject, MissingObject
from repro.store.cache.object_links import linker_for
from repro.store.files.digest_only import DigestOnly
from tests.data.random_trees import TREES, Node, build, read_back
from tests.data.remembering import Remembering

DATA = RelPath(b"data")
BACK = RelPath(b"back")
BIG = (bytes(range(256)) * (LINK_FROM // 256 + 1))[:LINK_FROM]
WAYS = [[Way.HARDLINK], [Way.SYMLINK], [Way.REFLINK, Way.SYMLINK, Way.COPY]]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def linker(cache: Cache, *ways: Way) -> Linker:
    found = linker_for(cache, ways)
    assert found
    return found


def stored(cache: Cache, data: bytes = BIG, kind: Kind = Kind.FILE) -> Content:
    ref = cache.add_bytes(data)
    return Content(kind, ref.size, digest=ref.digest)


def object_of(cache: Cache, content: Content) -> Path:
    assert content.digest
    return Path(cache.path_of(content.digest))


def found(tmp_path: Path, path: RelPath, cache: Cache) -> Content:
    return capture(str(tmp_path), path, DigestOnly(), store=lambda: cache.root).content


def edit_in_place(path: Path) -> None:
    """As a user does who wants to: open the mode, write, and keep the length."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"EDITED")
    path.chmod(0o444)


def test_where_only_copies_are_wanted_nobody_makes_links(cache: Cache) -> None:
    for ways in ([], [Way.COPY], [Way.REFLINK], [Way.REFLINK, Way.COPY], [Way.COPY, Way.HARDLINK]):
        assert linker_for(cache, ways) is None


def test_a_hard_link_is_the_objects_own_file_and_read_only(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.HARDLINK))
    status = (tmp_path / "data").lstat()
    assert os.path.samestat(status, object_of(cache, content).lstat())
    assert status.st_mode & 0o777 == 0o444
    assert found(tmp_path, DATA, cache) == content


def test_a_symbolic_link_into_the_store_is_the_file(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.SYMLINK))
    assert os.readlink(tmp_path / "data") == cache.path_of(content.digest or "")  # type: ignore[arg-type]
    assert found(tmp_path, DATA, cache) == content
    assert would_lose(stored(cache, b"other"), str(tmp_path), DATA, cache) == []


def test_small_and_executable_files_are_copies(tmp_path: Path, cache: Cache) -> None:
    for way in (Way.HARDLINK, Way.SYMLINK):
        for number, content in enumerate((stored(cache, BIG[1:]), stored(cache, kind=Kind.EXECUTABLE))):
            path = RelPath(f"{way}-{number}".encode())
            place(content, str(tmp_path), path, cache, linker=linker(cache, way))
            status = os.lstat(tmp_path / os.fsdecode(path))
            assert status.st_nlink == 1
            assert status.st_mode & 0o200
            assert found(tmp_path, path, cache) == content


@pytest.mark.parametrize("mode", [0o644, 0o555])
def test_an_object_that_was_opened_is_copied(tmp_path: Path, cache: Cache, mode: int) -> None:
    content = stored(cache)
    object_of(cache, content).chmod(mode)
    for way in (Way.HARDLINK, Way.SYMLINK):
        place(content, str(tmp_path), RelPath(way.encode()), cache, linker=linker(cache, way))
        status = (tmp_path / way).lstat()
        assert status.st_nlink == 1
        assert found(tmp_path, RelPath(way.encode()), cache) == content


def test_a_file_with_too_many_links_is_copied(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    (tmp_path / "links").mkdir()
    try:
        for number in range(65_001):
            os.link(object_of(cache, content), tmp_path / "links" / str(number))
    except OSError:
        place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.HARDLINK))
        assert (tmp_path / "data").stat().st_nlink == 1
        assert (tmp_path / "data").read_bytes() == BIG
    else:
        pytest.skip("this file system takes more than 65,000 links to a file")


def test_from_another_file_system_a_hard_link_is_a_copy_and_a_symbolic_link_leads_there(tmp_path: Path) -> None:
    there = Path("/dev/shm")
    if not there.is_dir() or there.stat().st_dev == tmp_path.stat().st_dev or not os.access(there, os.W_OK):
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=there) as folder:
        cache = Cache(folder)
        content = stored(cache)
        for way in (Way.HARDLINK, Way.SYMLINK):
            place(content, str(tmp_path), RelPath(way.encode()), cache, linker=linker(cache, way))
            assert (tmp_path / way).is_symlink() == (way is Way.SYMLINK)
            assert (tmp_path / way).read_bytes() == BIG
        (tmp_path / "data").write_bytes(BIG)
        replaced(tmp_path, cache, Way.HARDLINK)
        assert not (tmp_path / "data").is_symlink()
        assert (tmp_path / "data").stat().st_mode & 0o200


def test_what_stands_right_stays_whichever_way_is_asked_for(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    for first in (Way.HARDLINK, Way.SYMLINK, None):
        path = RelPath(f"from-{first}".encode())
        place(content, str(tmp_path), path, cache, linker=linker_for(cache, [first]) if first else None)
        before = os.lstat(tmp_path / os.fsdecode(path))
        for way in (Way.HARDLINK, Way.SYMLINK, None):
            place(content, str(tmp_path), path, cache, linker=linker_for(cache, [way]) if way else None)
        assert os.path.samestat(os.lstat(tmp_path / os.fsdecode(path)), before)


# --- replacing what was stored ---------------------------------------------------------------------------------


def replaced(tmp_path: Path, cache: Cache, way: Way, staging: str | None = None) -> Content:
    content = Remembering(tmp_path).capture(DATA, cache, lambda: cache.root).content
    link_remembered(tmp_path, cache, linker(cache, way), staging)
    return content


def link_remembered(tmp_path: Path, cache: Cache, linker: Linker, staging: str | None = None) -> None:
    with opened_memo(str(tmp_path / "memo"), DATA) as memo:
        assert memo
        link_in_place(str(tmp_path), DATA, memo, cache, linker, staging)


@pytest.mark.parametrize("way", [Way.HARDLINK, Way.SYMLINK])
def test_stored_files_give_way_to_links_and_are_the_same_data(tmp_path: Path, cache: Cache, way: Way) -> None:
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "sub" / "big").write_bytes(BIG)
    (data / "small").write_bytes(b"small")
    (data / "run").write_bytes(BIG + b"x")
    (data / "run").chmod(0o755)
    os.symlink("small", data / "link")
    for _ in range(2):  # again: what is a link already stays
        content = replaced(tmp_path, cache, way, str(tmp_path / "staging"))
        assert (data / "sub" / "big").is_symlink() == (way is Way.SYMLINK)
        assert (data / "sub" / "big").stat().st_mode & 0o777 == 0o444
        assert (data / "run").stat().st_nlink == (data / "small").stat().st_nlink == 1
        assert os.readlink(data / "link") == "small"
        assert found(tmp_path, DATA, cache) == content
    assert os.listdir(tmp_path / "staging") == []
    assert sorted(os.listdir(data)) == ["link", "run", "small", "sub"]


def test_a_file_that_changed_after_it_was_stored_is_left_alone(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(BIG)
    Remembering(tmp_path).capture(DATA, cache)
    (tmp_path / "data").write_bytes(BIG[::-1])
    link_remembered(tmp_path, cache, linker(cache, Way.HARDLINK))
    assert (tmp_path / "data").read_bytes() == BIG[::-1]
    (tmp_path / "data").unlink()
    link_remembered(tmp_path, cache, linker(cache, Way.HARDLINK))
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_written_while_its_link_is_made_keeps_its_bytes(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(BIG)
    Remembering(tmp_path).capture(DATA, cache)
    inner = linker(cache, Way.HARDLINK)

    class WrittenMeanwhile:
        def link(self, ref: object, name: bytes, folder: int) -> Way | None:
            (tmp_path / "data").write_bytes(b"new")
            return inner.link(ref, name, folder)  # type: ignore[arg-type]

    link_remembered(tmp_path, cache, WrittenMeanwhile())
    assert (tmp_path / "data").read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["cache", "data", "memo"]


def test_a_good_file_does_not_give_way_to_a_damaged_object(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(BIG)
    captured = Remembering(tmp_path).capture(DATA, cache)
    edit_in_place(object_of(cache, captured.content))
    with pytest.raises(CorruptObject):
        link_remembered(tmp_path, cache, linker(cache, Way.HARDLINK))
    assert (tmp_path / "data").read_bytes() == BIG
    assert sorted(os.listdir(tmp_path)) == ["cache", "data", "memo"]


# --- an edit through a link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [Way.HARDLINK, Way.SYMLINK])
def test_an_edit_in_place_is_seen_and_never_checked_out_again(tmp_path: Path, cache: Cache, way: Way) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, way))
    edit_in_place(tmp_path / "data")
    assert found(tmp_path, DATA, cache) != content
    with pytest.raises(CorruptObject):
        place(content, str(tmp_path), BACK, cache, linker=linker(cache, way))
    with pytest.raises(MissingObject):
        place(content, str(tmp_path), BACK, cache)
    assert not (tmp_path / "back").exists()
    kept = os.listdir(tmp_path / "cache" / "quarantine")
    assert (tmp_path / "cache" / "quarantine" / kept[0]).read_bytes() == b"EDITED" + BIG[6:]


@pytest.mark.parametrize("cut", [False, True])
def test_adding_the_intact_bytes_again_heals_the_object(tmp_path: Path, cache: Cache, cut: bool) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.HARDLINK))
    edit_in_place(tmp_path / "data")
    if cut:
        os.truncate(tmp_path / "data", 3)
    edited = (tmp_path / "data").read_bytes()
    assert stored(cache) == content
    place(content, str(tmp_path), BACK, cache)
    assert (tmp_path / "back").read_bytes() == BIG
    assert (tmp_path / "data").read_bytes() == edited
    assert len(os.listdir(tmp_path / "cache" / "quarantine")) == 1


def test_an_intact_file_whose_object_is_damaged_counts_as_lost(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(BIG)
    content = capture(str(tmp_path), DATA, cache).content
    other = stored(cache, b"other")
    assert would_lose(other, str(tmp_path), DATA, cache) == []
    edit_in_place(object_of(cache, content))
    assert would_lose(other, str(tmp_path), DATA, cache) == [DATA]


# --- links that lead nowhere -----------------------------------------------------------------------------------


def test_a_link_whose_object_is_gone_is_missing_data_and_comes_back(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.SYMLINK))
    object_of(cache, content).unlink()
    for sink in (DigestOnly(), cache):
        with pytest.raises(DataNotFound, match="not in the store"):
            capture(str(tmp_path), DATA, sink, store=lambda: cache.root)
    assert would_lose(stored(cache, b"other"), str(tmp_path), DATA, cache) == [DATA]
    assert stored(cache) == content
    assert found(tmp_path, DATA, cache) == content


def test_a_link_into_another_store_is_never_recorded_as_a_link(tmp_path: Path, cache: Cache) -> None:
    content = stored(cache)
    place(content, str(tmp_path), DATA, cache, linker=linker(cache, Way.SYMLINK))
    other = Cache(str(tmp_path / "other"))
    with pytest.raises(DataNotFound, match="other"):
        capture(str(tmp_path), DATA, other, store=lambda: other.root)
    assert would_lose(content, str(tmp_path), DATA, other) == [DATA]
    stored(other)  # the same object is here now: nothing is lost
    assert would_lose(content, str(tmp_path), DATA, other) == []
    place(content, str(tmp_path), DATA, other)
    assert not (tmp_path / "data").is_symlink()
    assert (tmp_path / "data").read_bytes() == BIG


# --- whichever way, the same tree ------------------------------------------------------------------------------


def grown(node: Node) -> Node:
    """The tree with about half of its files so large that they are linked."""
    if isinstance(node, dict):
        return {name: grown(inner) for name, inner in node.items()}
    kind, data = node
    return (kind, data * (LINK_FROM // len(data) + 1)) if kind != "l" and data and data[0] % 2 else node


@pytest.mark.parametrize("ways", WAYS, ids="-".join)
@settings(max_examples=20, deadline=None)
@given(tree=TREES, old=TREES)
def test_a_tree_that_comes_back_is_the_same_tree(ways: Sequence[Way], tree: dict[bytes, Node], old: Node) -> None:
    tree_now = grown(tree)
    with tempfile.TemporaryDirectory() as root:
        here = os.fsencode(root)
        build(tree_now, here + b"/data")
        build(grown(old), here + b"/back")
        cache = Cache(root + "/cache")
        captured = Remembering(Path(root)).capture(DATA, cache)
        place(captured.content, root, BACK, cache, prune=True, linker=linker_for(cache, ways))
        link_remembered(Path(root), cache, linker(cache, *ways))
        for path in (DATA, BACK):
            assert capture(root, path, DigestOnly(), store=lambda: cache.root).content == captured.content
            assert resolved(here + b"/" + path, os.fsencode(cache.root)) == tree_now


def resolved(path: bytes, store: bytes) -> Node:
    """What stands at `path` by the plainest means; a link into the store is what is behind it."""
    if os.path.islink(path) and os.readlink(path).startswith(store):
        return read_back(os.readlink(path))
    if os.path.isdir(path) and not os.path.islink(path):
        return {name: resolved(path + b"/" + name, store) for name in os.listdir(path)}
    return read_back(path)
