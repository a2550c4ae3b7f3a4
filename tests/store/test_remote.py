import errno
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from repro.errors import RemoteError
from repro.model.record import NewerFormat
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.storages import retries
from repro.store.storages.directory import DirectoryStorage
from repro.store.storages.errors import NotARemote, RemoteRefused, RemoteUnreachable, UnsupportedRemote


class Flaky(DirectoryStorage):
    """A directory behind a bad line: each call fails with `error` as often as `failures` says, then works."""

    def __init__(self, root: str, error: OSError, failures: int) -> None:
        super().__init__(root)
        self.error = error
        self.failures = 0
        self.each = failures
        self.calls = 0

    def size(self, name: str) -> int:
        self._fail()
        return super().size(name)

    def put_bytes(self, name: str, data: bytes) -> None:
        self._fail()
        super().put_bytes(name, data)

    def open(self, name: str) -> BinaryIO:
        with super().open(name) as file:
            data = file.read()
        return io.BytesIO(data) if name == "repro-remote" else _BreaksOff(data, self)

    def _fail(self) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise self.error


class _BreaksOff(io.BytesIO):
    """A connection that is lost in the middle of each file, as long as its place says so."""

    def __init__(self, data: bytes, place: Flaky) -> None:
        super().__init__(data)
        self.place = place

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= len(self.getvalue()) // 2:
            self.place._fail()
        return super().read(min(size or 0, 1000) if size is not None and size > 0 else 1000)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))


def _flaky(tmp_path: Path, error: OSError, failures: int) -> tuple[Remote, Flaky]:
    open_remote(str(tmp_path / "remote")).put_bytes("runs/a.yaml", b"x" * 10_000)
    storage = Flaky(str(tmp_path / "remote"), error, failures)
    remote = Remote(storage, "flaky")
    remote.prepare()
    storage.failures, storage.calls = failures, 0
    return remote, storage


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), TimeoutError("too slow"), BrokenPipeError()])
def test_a_line_that_recovers_is_tried_again(tmp_path: Path, error: OSError) -> None:
    remote, storage = _flaky(tmp_path, error, 3)
    assert remote.size("runs/a.yaml") == 10_000
    assert storage.calls == 4
    storage.failures = 3
    assert remote.read("runs/a.yaml", 10_000) == b"x" * 10_000
    storage.failures = 3
    assert remote.put_bytes("runs/b.yaml", b"new")


def test_a_line_that_stays_dead_is_unreachable_and_not_absence(tmp_path: Path) -> None:
    remote, storage = _flaky(tmp_path, ConnectionRefusedError(111, "refused"), 10**6)
    for call in (
        lambda: remote.size("runs/a.yaml"),
        lambda: remote.size("runs/no-such.yaml"),
        lambda: remote.read("runs/a.yaml", 10_000),
        lambda: remote.put_bytes("runs/c.yaml", b"x"),
    ):
        storage.calls = 0
        with pytest.raises(RemoteUnreachable, match="flaky") as caught:
            call()
        assert caught.value.exit_code == 5
        assert storage.calls == 4


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_refusal_is_not_tried_again_and_is_not_absence(tmp_path: Path, number: int) -> None:
    remote, storage = _flaky(tmp_path, OSError(number, os.strerror(number)), 10**6)
    for call in (lambda: remote.size("runs/no-such.yaml"), lambda: remote.read("runs/a.yaml", 10_000)):
        storage.calls = 0
        with pytest.raises(RemoteRefused, match=os.strerror(number)) as caught:
            call()
        assert caught.value.exit_code == 5
        assert caught.value.hint
        assert storage.calls == 1


def test_a_remote_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for place in ("file", "file/inside"):
        for url in (str(tmp_path / place), f"file://{tmp_path}/{place}"):
            for call in (open_remote(url).prepare, lambda url=url: open_remote(url).size("runs/a")):
                with pytest.raises(NotARemote, match="is a file") as caught:
                    call()
                assert caught.value.exit_code == 5
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_bytes(b"x")
    with pytest.raises(NotARemote, match=r"thesis\.tex") as caught:
        open_remote(str(tmp_path)).put_bytes("runs/a", b"x")
    assert caught.value.hint
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_fresh_disk_and_the_leftover_of_a_kill_do_not_count_as_other_files(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".repro-tmp-0011").write_bytes(b"")
    open_remote(str(tmp_path)).prepare()
    assert (tmp_path / "repro-remote").exists()


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotARemote):
        open_remote(str(tmp_path / "remote")).list("runs")
    assert os.listdir(tmp_path) == []


def test_a_newer_remote_is_refused_by_name_and_unknown_keys_are_not(tmp_path: Path) -> None:
    (tmp_path / "repro-remote").write_bytes(b'{"repro-remote": 2}')
    for call in (open_remote(str(tmp_path)).prepare, lambda: open_remote(str(tmp_path)).list("runs")):
        with pytest.raises(NewerFormat, match="format version 2"):
            call()
    (tmp_path / "repro-remote").write_bytes(b'{"repro-remote": 1, "packs": true}')
    assert open_remote(str(tmp_path)).list("runs") == []


@pytest.mark.parametrize("marker", [b"", b"nonsense", b"[]", b'{"repro-remote": "x"}', b"[" * 100_000, b"\xff"])
def test_a_damaged_marker_is_said(tmp_path: Path, marker: bytes) -> None:
    (tmp_path / "repro-remote").write_bytes(marker)
    with pytest.raises(NotARemote, match="damaged"):
        open_remote(str(tmp_path)).prepare()


@pytest.mark.parametrize(
    ("url", "says", "hint"),
    [
        ("nonsense://x", "nonsense:// is no kind of remote", "directory"),
        ("http://ann:secret@[::1/x", "http://\\[::1/x is no URL", "like this"),
        ("gs://[::1/x", "gs://\\[::1/x is no URL", "like this"),
        ("file://mnt/repro", "file://mnt/repro names no absolute path", "file:///PATH"),
        ("s3://ann:secret@bucket_/x", "'bucket_' cannot be the name of a bucket", "AWS_"),
        ("gs://ann:secret@bucket/x", "^'bucket' cannot be", "BUCKET"),
        ("az://ann:secret@x/y", "^'ann' cannot be", "CONTAINER"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained(url: str, says: str, hint: str) -> None:
    with pytest.raises(UnsupportedRemote, match=says) as caught:
        open_remote(url)
    assert re.search(hint, caught.value.hint or "")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://bucket/x", "botocore", "s3"), ("ssh://h/x", "asyncssh", "ssh"), ("sftp://h/x", "asyncssh", "ssh")],
)
def test_a_kind_whose_package_is_missing_names_the_extra(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # the import statement then fails, as if it were not there
    with pytest.raises(UnsupportedRemote, match="needs a package") as caught:
        open_remote(url)
    assert f"repro-run[{extra}]" in (caught.value.hint or "")


def test_credentials_in_a_url_are_not_shown() -> None:
    assert "secret" not in open_remote("memory://user:secret@host/x").shown


def test_a_local_remote_does_without_fsspec(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom repro.store.open_remote import open_remote\n"
        "r = open_remote(sys.argv[1])\nr.put_bytes('runs/a', b'x')\nr.list('runs')\n"
        "assert not {'fsspec', 'urllib3', 'yaml', 'botocore', 'asyncssh', 'asyncio'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "remote")], check=True)


def test_a_kill_while_writing_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 200_000_000)
    script = (
        "import sys\nfrom repro.store.open_remote import open_remote\n"
        "r = open_remote(sys.argv[1])\nr.prepare()\nprint(flush=True)\nr.put_file('objects/ab/cd', sys.argv[2])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "remote"), str(tmp_path / "large")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        while child.poll() is None and not (tmp_path / "remote" / "objects" / "ab").exists():
            time.sleep(0.001)
        child.kill()
    assert open_remote(str(tmp_path / "remote")).size("objects/ab/cd") in (None, 200_000_000)


def test_a_remote_that_may_not_be_written_is_a_refusal(tmp_path: Path) -> None:
    remote = open_remote("/proc/repro-remote-test")
    with pytest.raises(RemoteError) as caught:
        remote.put_bytes("runs/a", b"x")
    assert caught.value.exit_code == 5


class Flushing(DirectoryStorage):
    """A directory that remembers what was written and flushed, in order."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.events: list[str] = []

    def put_bytes(self, name: str, data: bytes) -> None:
        self.events.append(name)
        super().put_bytes(name, data)

    def flush(self) -> None:
        self.events.append("flush")
        super().flush()


def test_what_a_manifest_names_is_on_disk_before_the_manifest(tmp_path: Path) -> None:
    storage = Flushing(str(tmp_path / "remote"))
    remote = Remote(storage, "flushing")
    for number in range(40):
        remote.put_bytes(f"objects/ab/{number}", b"x")
    remote.put_bytes("runs/a.yaml", b"x")
    assert storage.events[-2:] == ["flush", "runs/a.yaml"]
    assert storage.events.count("flush") == 1
