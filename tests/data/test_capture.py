import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from repro.data.capture import ChangedWhileRead, capture
from repro.data.captured_file import READ_WHOLE
from repro.data.memo_records import PART
from repro.data.open_safely import UnsafeLink
from repro.data.scan import DataNotFound, NestedRepository, NotKept, TooDeep, list_directory
from repro.model.data.content import Kind, ObjectRef
from repro.model.data.objects import Told
from repro.model.digest import digest_of
from repro.model.names import RelPath
from repro.store.cache.cache import Cache
from repro.store.files.digest_only import DigestOnly
from tests.counting_progress import CountingProgress

DATA = RelPath(b"data")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


def test_a_file_is_its_bytes_and_its_executable_bit(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").write_bytes(b"hello")
    (tmp_path / "data").chmod(0o744)
    content = capture(str(tmp_path), DATA, cache).content
    assert (content.kind, content.size, content.digest) == (Kind.EXECUTABLE, 5, digest_of(b"hello"))
    assert cache.read(ObjectRef(digest_of(b"hello"), 5)) == b"hello"


def test_a_dangling_symlink_is_kept_and_not_followed(tmp_path: Path, cache: Cache) -> None:
    os.symlink("/nowhere/at/all", tmp_path / "data")
    content = capture(str(tmp_path), DATA, cache).content
    assert content.kind is Kind.SYMLINK
    assert content.target == b"/nowhere/at/all"


def test_digest_only_gives_the_same_result_and_stores_nothing(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data" / "empty").mkdir(parents=True)
    (tmp_path / "data" / "big").write_bytes(b"x" * 3_000_000)
    only = capture(str(tmp_path), DATA, DigestOnly()).content
    assert not (tmp_path / "cache").exists()
    captured = capture(str(tmp_path), DATA, cache)
    assert captured.content == only
    assert captured.files == 1


def test_progress_is_told_of_every_byte_and_file_and_of_a_large_one_while_it_is_read(
    tmp_path: Path, cache: Cache
) -> None:
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "large").write_bytes(b"x" * 40_000_000)
    (tmp_path / "data" / "in" / "small").write_bytes(b"12345")
    os.symlink("in", tmp_path / "data" / "link")
    counting = CountingProgress()
    capture(str(tmp_path), DATA, cache, progress=counting)
    assert sum(counting.told) == 40_000_007
    assert counting.files == 3
    assert max(counting.told) < 10_000_000


@pytest.mark.parametrize("where", ["data", "data/inner/thing"])
@pytest.mark.parametrize("what", ["fifo", "socket"])
def test_what_has_no_content_is_refused_by_name(
    tmp_path: Path, cache: Cache, what: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / where
    place.parent.mkdir(parents=True, exist_ok=True)
    if what == "fifo":
        os.mkfifo(place)
    else:
        monkeypatch.chdir(place.parent)  # a socket's address is short
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(place.name)
    with pytest.raises(NotKept, match=f"{where} is a {what}"):
        capture(str(tmp_path), DATA, cache)


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1"])
def test_a_repository_inside_the_data_is_refused_with_a_hint(tmp_path: Path, cache: Cache, name: str) -> None:
    (tmp_path / "data" / "clone" / name).mkdir(parents=True)
    with pytest.raises(NestedRepository, match="data/clone") as caught:
        capture(str(tmp_path), DATA, cache)
    assert caught.value.hint


def test_a_parent_that_is_a_symlink_is_not_followed(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"x")
    os.symlink("real", tmp_path / "link")
    with pytest.raises(UnsafeLink, match="link is a symbolic link"):
        capture(str(tmp_path), RelPath(b"link/file"), cache)


def test_nothing_at_the_path_is_an_error_that_names_it(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(DataNotFound, match="nothing at data"):
        capture(str(tmp_path), DATA, cache)


def test_512_levels_are_recorded_and_one_more_is_refused(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "data").mkdir()
    current = os.open(tmp_path / "data", os.O_RDONLY)
    for _ in range(512):
        os.mkdir("n", dir_fd=current)
        following = os.open("n", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = following
    try:
        assert capture(str(tmp_path), DATA, cache).content.kind is Kind.DIRECTORY
        os.mkdir("n", dir_fd=current)
        with pytest.raises(TooDeep, match="data/n/n"):
            capture(str(tmp_path), DATA, cache)
    finally:
        os.close(current)
        subprocess.run(["rm", "-rf", str(tmp_path / "data")], check=True)


class _WritesMeanwhile(DigestOnly):
    """A sink in whose presence somebody else writes to the file, as often as told."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__()
        self.path = path
        self.times = times

    def add_bytes(self, data: bytes) -> ObjectRef:
        return self._written(super().add_bytes(data))

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        return self._written(super().add_descriptor(descriptor, told))

    def _written(self, ref: ObjectRef) -> ObjectRef:
        if self.times:
            self.times -= 1
            with self.path.open("ab") as file:
                file.write(b"+")
        return ref


@pytest.mark.parametrize("data", [b"hello", b"hello" * READ_WHOLE], ids=["small", "large"])
def test_a_file_that_changed_while_it_was_read_is_read_again(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "data").write_bytes(data)
    sink = _WritesMeanwhile(tmp_path / "data", 1)
    assert capture(str(tmp_path), DATA, sink).content.digest == digest_of(data + b"+")


@pytest.mark.parametrize("data", [b"hello", b"hello" * READ_WHOLE], ids=["small", "large"])
def test_a_file_that_does_not_hold_still_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "data").write_bytes(data)
    with pytest.raises(ChangedWhileRead, match="data changed"):
        capture(str(tmp_path), DATA, _WritesMeanwhile(tmp_path / "data", 99))


def test_a_name_that_goes_while_its_directory_is_looked_at_is_left_out(tmp_path: Path) -> None:
    for number in range(PART + 2):
        (tmp_path / f"{number:06}").touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    parts = list_directory(descriptor, b"data")
    assert len(next(parts).names) == PART
    (tmp_path / f"{PART:06}").unlink()
    [last] = parts
    os.close(descriptor)
    assert (last.names, len(last.rows), last.is_last) == ([f"{PART + 1:06}".encode()], 1, True)


_UNREADABLE = """
import os, sys
from repro.data.capture import capture
from repro.store.files.digest_only import DigestOnly
if os.getuid() == 0:
    os.setuid(65534)  # root can read everything
try:
    capture(sys.argv[1], b"data", DigestOnly())
except PermissionError as error:
    print(error.filename, error.strerror)
"""


def test_a_file_that_cannot_be_read_is_named(open_path: Path) -> None:
    (open_path / "data").mkdir()
    (open_path / "data" / "secret").write_bytes(b"x")
    (open_path / "data" / "secret").chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", _UNREADABLE, str(open_path)], capture_output=True, text=True, check=True
    )
    assert "data/secret" in done.stdout
    assert "Permission denied" in done.stdout
    assert oct((open_path / "data" / "secret").stat().st_mode & 0o777) == "0o0"


_FLAT = """
import resource, sys
from repro.data.capture import capture
from repro.store.cache.cache import Cache
cache = Cache(sys.argv[1] + "/cache")
cache.add_bytes(b"everything is imported")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(capture(sys.argv[1], b"data", cache).content.size)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_takes_flat_memory(tmp_path: Path) -> None:
    with (tmp_path / "data").open("wb") as file:
        file.truncate(200_000_000)
    done = subprocess.run([sys.executable, "-c", _FLAT, str(tmp_path)], capture_output=True, text=True, check=True)
    size, grown_kib = map(int, done.stdout.split())
    assert size == 200_000_000
    assert grown_kib < 20_000
