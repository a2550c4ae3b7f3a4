"""What every kind of remote must do: docs/reference/remote.md as a suite. A new kind is one line."""

import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.model.remote_key import RemoteKey
from repro.store import open_remote as opening
from repro.store.open_remote import Encryption
from repro.store.remote.names import BadRemoteFileName
from repro.store.remote.remote import Remote
from repro.store.storages.errors import NotARemote, NotOnRemote, RemoteConflict, TooLong

KINDS: dict[str, Callable[[Path], str]] = {
    "directory": lambda tmp: str(tmp / "remote folder"),
    "file url": lambda tmp: f"file://{tmp}/remote",
    "memory": lambda tmp: f"memory://{uuid.uuid4()}/remote",
}

ENCRYPTED = "encrypted "
"""Before a kind: the same with a key."""

SERVERS = {"s3": "s3_url", "ssh": "ssh_url", "gs": "gs_url", "az": "az_url"}
"""Kinds that need a server: the fixture that gives the URL."""

OBJECT = "objects/ab/" + "c" * 62
PACK = "packs/" + "c" * 64


@pytest.fixture(params=[*KINDS, *SERVERS, "encrypted directory", "encrypted s3", "encrypted ssh"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind = request.param.removeprefix(ENCRYPTED)
    place = str(request.getfixturevalue(SERVERS[kind])) if kind in SERVERS else KINDS[kind](tmp_path)
    if kind == request.param:
        return place
    _scratch[ENCRYPTED + place] = str(tmp_path / "scratch")
    return ENCRYPTED + place


_scratch: dict[str, str] = {}


def open_remote(url: str) -> Remote:
    encryption = Encryption(lambda: RemoteKey(bytes(32)), _scratch[url]) if url in _scratch else None
    return opening.open_remote(url.removeprefix(ENCRYPTED), os.environ, encryption)


@pytest.fixture
def remote(url: str) -> Remote:
    remote = open_remote(url)
    remote.prepare()
    return remote


@pytest.fixture
def local(tmp_path: Path) -> str:
    (tmp_path / "local").write_bytes(b"hello")
    return str(tmp_path / "local")


def _get(remote: Remote, name: str, tmp_path: Path, limit: int) -> bytes:
    with (tmp_path / "got").open("wb") as file:
        remote.get_to(name, file.fileno(), limit)
    return (tmp_path / "got").read_bytes()


def test_what_was_put_comes_back_to_anybody(remote: Remote, url: str, local: str, tmp_path: Path) -> None:
    assert remote.put_file(OBJECT, local)
    assert remote.put_bytes("runs/a.yaml", b"manifest")
    remote.flush()
    other = open_remote(url)
    assert other.read(OBJECT, 5) == b"hello"
    assert other.read("runs/a.yaml", 1000) == b"manifest"
    assert _get(other, OBJECT, tmp_path, 5) == b"hello"
    assert other.size(OBJECT) == 5


def test_an_empty_file_is_a_file(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    remote.put_file(OBJECT, str(tmp_path / "empty"))
    assert remote.size(OBJECT) == 0
    assert remote.read(OBJECT, 0) == b""


def test_a_large_file_comes_back(remote: Remote, tmp_path: Path) -> None:
    data = os.urandom(3_500_000)
    (tmp_path / "large").write_bytes(data)
    remote.put_file(OBJECT, str(tmp_path / "large"))
    seen: list[int] = []
    with (tmp_path / "got").open("wb") as file:
        remote.get_to(OBJECT, file.fileno(), len(data), seen.append)
    assert (tmp_path / "got").read_bytes() == data
    assert sum(seen) == len(data)


def test_not_found_is_none_for_size_and_an_error_for_bytes(remote: Remote, tmp_path: Path) -> None:
    assert remote.size(OBJECT) is None
    assert remote.size("runs") is None
    with pytest.raises(NotOnRemote, match=OBJECT):
        remote.read(OBJECT, 10)
    with pytest.raises(NotOnRemote, match=OBJECT):
        _get(remote, OBJECT, tmp_path, 10)


def test_a_folder_is_no_file(remote: Remote) -> None:
    remote.put_bytes("runs/a.yaml", b"x")
    assert remote.size("runs") is None


def test_more_than_the_limit_is_an_error(remote: Remote, local: str, tmp_path: Path) -> None:
    remote.put_file(OBJECT, local)
    with pytest.raises(TooLong, match="4 bytes"):
        remote.read(OBJECT, 4)
    with pytest.raises(TooLong):
        _get(remote, OBJECT, tmp_path, 4)
    assert len((tmp_path / "got").read_bytes()) <= 4


def test_what_is_there_is_left_alone(remote: Remote, local: str) -> None:
    assert remote.put_file(OBJECT, local)
    assert not remote.put_file(OBJECT, local)
    assert remote.put_bytes("runs/a.yaml", b"x")
    assert not remote.put_bytes("runs/a.yaml", b"x")


def test_an_object_that_an_accident_cut_short_is_written_again(remote: Remote, local: str) -> None:
    remote.put_bytes(OBJECT, b"hel")
    assert remote.put_file(OBJECT, local)
    assert remote.read(OBJECT, 5) == b"hello"


@pytest.mark.parametrize("other", [b"one", b"another"])
def test_other_bytes_under_a_records_name_are_a_conflict(remote: Remote, other: bytes) -> None:
    remote.put_bytes("runs/a.yaml", b"two")
    with pytest.raises(RemoteConflict, match=r"runs/a\.yaml"):
        remote.put_bytes("runs/a.yaml", other)
    assert remote.read("runs/a.yaml", 100) == b"two"
    assert remote.put_bytes("runs/a.yaml", other, replace=True)
    assert remote.read("runs/a.yaml", 100) == other


def test_names_are_listed_below_a_folder_at_any_depth(remote: Remote, local: str) -> None:
    assert remote.list("rebuilds") == []
    for name in ("rebuilds/b/1.yaml", "rebuilds/a/2.yaml", "rebuilds/a/1.yaml", "runs/rebuilds/x", "runs/a.yaml"):
        remote.put_bytes(name, b"x")
    remote.put_file(OBJECT, local)
    assert remote.list("rebuilds") == ["rebuilds/a/1.yaml", "rebuilds/a/2.yaml", "rebuilds/b/1.yaml"]
    assert remote.list("rebuilds/a") == ["rebuilds/a/1.yaml", "rebuilds/a/2.yaml"]
    assert remote.list("objects") == [OBJECT]


BAD_NAMES = (
    *("", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", ".hidden", "a/.repro-tmp-1"),
    *(
        "runs/a\\b",
        "runs/a b",
        "runs/é",
        "runs/" + "x" * 256,
        "runs/a\n",
        "runs/../x",
        "runs//b",
        "runs/",
        "runs/.hidden",
    ),
    *(
        "elsewhere/a",
        "packs/a",
        "packs/ab/cd",
        "packs/" + "C" * 64,
        "indexes/" + "c" * 65,
        "pointers/a",
        "index-list/a",
    ),
)


def test_a_name_that_could_lead_out_is_refused_before_the_remote_is_asked(url: str, local: str) -> None:
    remote = open_remote(url)  # were it asked, it would say that it is none yet, or become one
    for name in BAD_NAMES:
        for call in (
            lambda name=name: remote.put_file(name, local),
            lambda name=name: remote.put_bytes(name, b""),
            lambda name=name: remote.read(name, 1),
            lambda name=name: remote.size(name),
            lambda name=name: remote.get_to(name, 1, 1),
            lambda name=name: remote.list(name),
            lambda name=name: remote.read_range(name, 0, 1),
            lambda name=name: remote.delete(name),
        ):
            with pytest.raises(BadRemoteFileName) as caught:
                call()
            assert caught.value.exit_code == 4


def test_a_place_without_a_marker_cannot_be_read(url: str) -> None:
    remote = open_remote(url)
    for call in (lambda: remote.size(OBJECT), lambda: remote.read(OBJECT, 1), lambda: remote.list("runs")):
        with pytest.raises(NotARemote, match="no file repro-remote") as caught:
            call()
        assert caught.value.exit_code == 5
        assert caught.value.hint


def test_the_first_write_makes_the_remote_and_marks_it(url: str) -> None:
    open_remote(url).put_bytes("runs/a.yaml", b"x")
    remote = open_remote(url)
    assert remote.read("repro-remote", 100) == b'{"repro-remote": 1}\n'
    remote.prepare()


def test_many_threads_may_write_the_same_name(remote: Remote, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    data = os.urandom(200_000)
    (tmp_path / "local").write_bytes(data)
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: remote.put_file(OBJECT, str(tmp_path / "local")), range(32)):
            pass
        assert set(pool.map(lambda _: remote.read(OBJECT, len(data)), range(32))) == {data}
    assert remote.list("objects") == [OBJECT]


def test_a_range_holds_what_the_file_has_of_it(remote: Remote, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "pack").write_bytes(data)
    remote.put_file(PACK, str(tmp_path / "pack"))
    for offset, length in ((0, 1), (0, 300_000), (5, 7), (299_999, 1), (299_999, 10), (299_990, 100), (0, 400_000)):
        assert remote.read_range(PACK, offset, length) == data[offset : offset + length]
    assert remote.read_range(PACK, 300_000, 5) == b""
    assert remote.read_range(PACK, 10**9, 5) == b""
    assert remote.read_range(PACK, 5, 0) == b""


def test_a_range_of_an_empty_file_is_empty(remote: Remote) -> None:
    remote.put_bytes("runs/empty", b"")
    assert remote.read_range("runs/empty", 0, 10) == b""


def test_a_range_of_what_is_not_there_is_an_error(remote: Remote) -> None:
    with pytest.raises(NotOnRemote, match=PACK):
        remote.read_range(PACK, 0, 10)


def test_entries_have_size_and_time(remote: Remote) -> None:
    before = time.time()
    remote.put_bytes("runs/a.yaml", b"hello")
    remote.put_bytes("runs/b/c.yaml", b"")
    first, second = remote.entries("runs")
    assert (first.name, first.size, second.name, second.size) == ("runs/a.yaml", 5, "runs/b/c.yaml", 0)
    assert before - 2 <= first.modified <= time.time() + 2
    assert remote.entries("rebuilds") == []


def test_what_is_deleted_is_gone_and_can_be_deleted_again(remote: Remote) -> None:
    for name in ("runs/a.yaml", "runs/b.yaml"):
        remote.put_bytes(name, b"x")
    remote.delete("runs/a.yaml")
    assert remote.size("runs/a.yaml") is None
    assert remote.list("runs") == ["runs/b.yaml"]
    remote.delete("runs/a.yaml")
    remote.delete("condemned/never-there")


def test_a_file_that_is_moved_is_gone_here(remote: Remote, local: str) -> None:
    assert remote.put_file(PACK, local, move=True)
    assert not os.path.exists(local)
    assert remote.read(PACK, 5) == b"hello"
    Path(local).write_bytes(b"hello")
    assert not remote.put_file(PACK, local, move=True)
    assert not os.path.exists(local)


def test_what_is_made_in_the_workshop_is_no_file_of_the_remote_until_it_is_put(remote: Remote) -> None:
    folder = remote.workshop()
    if folder is None:
        return
    made = Path(folder, "made")
    made.write_bytes(b"hello")
    made.chmod(0o600)
    there = made.stat().st_ino
    assert all(remote.list(top) == [] for top in ("packs", "indexes", "runs", "rebuilds", "condemned"))
    assert remote.put_file(PACK, str(made), move=True)
    remote.flush()
    assert not made.exists()
    assert remote.read(PACK, 5) == b"hello"
    [found] = Path(folder).parent.glob("packs/*")
    assert found.stat().st_ino == there
    remote.put_bytes("runs/a.yaml", b"x")
    [other] = Path(folder).parent.glob("runs/*")
    assert found.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("url", [*KINDS, "ssh"], indirect=True)
def test_many_files_are_all_listed(remote: Remote, url: str, tmp_path: Path) -> None:
    names = [f"runs/{number:04}.yaml" for number in range(1050)]
    folder = tmp_path / ("remote folder" if url.endswith("remote folder") else "remote") / "runs"
    for name in names:
        if url.startswith("memory:"):
            remote._storage.put_bytes(name, b"x")
        else:  # a server need not be told of what is done behind its back
            folder.mkdir(exist_ok=True)
            (folder / name.removeprefix("runs/")).write_bytes(b"x")
    assert remote.list("runs") == names


def test_who_reads_what_is_replaced_sees_the_old_or_the_new(remote: Remote) -> None:
    contents = [bytes([number]) * 200_000 for number in range(8)]
    remote.put_bytes("index-list", contents[0])
    seen: list[bytes] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.append(remote.read("index-list", 200_000))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for content in contents[1:]:
            remote.put_bytes("index-list", content, replace=True)
    finally:
        over.set()
        reader.join()
    assert seen
    assert set(seen) <= set(contents)
    assert remote.read("index-list", 200_000) == contents[-1]
