"""Every kind of remote behind a server that fails, stalls, breaks off, changes bytes and lies, one line per fault."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from repro.errors import RemoteError
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.storages import azure as remote_azure
from repro.store.storages import retries, storage
from repro.store.storages import s3 as remote_s3
from repro.store.storages.errors import RemoteRefused, RemoteUnreachable
from tests.faulty_servers import Faults, FaultyProxy, faulty_proxy, faulty_sftp_server
from tests.remote_servers import azure_connection_at, show_bucket

PACK = "packs/" + "c" * 64
ATTEMPTS = 4
STALL = 0.6
"""Seconds without an answer after which a connection is lost, where that is tested."""
PATIENCE = 5.0
"""The same elsewhere: a machine with much to do answers late."""


@dataclass(frozen=True)
class Line:
    """A remote, and what can be done to the way there. Over HTTP, `clean` is the bucket that the server shows."""

    kind: str
    remote: Remote
    clean: Remote
    faults: Faults
    url: str

    def spoil(self, doing: str, fault: str, times: int = 1) -> None:
        """Let what is done next meet a fault."""
        self.faults.spoil(_REQUESTS[self.kind][doing], fault, times)


_HTTP = {"put": "PUT", "read": "GET", "list": "GET", "delete": "DELETE", "size": "HEAD"}
_REQUESTS = {
    "s3": _HTTP,
    "http": _HTTP,
    "az": _HTTP,
    "gs": {**_HTTP, "put": "POST", "size": "GET"},
    "ssh": {"put": "write", "read": "read", "list": "scandir", "delete": "remove", "size": "stat"},
}


@pytest.fixture(scope="module")
def proxy(s3_port: int) -> Iterator[FaultyProxy]:
    """One for all tests here: a client, which takes long to make, is kept for its address."""
    with faulty_proxy(s3_port) as proxy:
        yield proxy


@pytest.fixture
def line(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Line]:
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))
    kind = request.param
    fault = request.node.callspec.params.get("fault", "")
    patience = STALL if fault in ("stall", "stop") else PATIENCE
    if kind == "ssh":
        with faulty_sftp_server() as (server, faults):
            server.let_in(tmp_path / "ssh-home")
            monkeypatch.setenv("HOME", str(tmp_path / "ssh-home"))
            monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
            url = f"ssh://ann@127.0.0.1:{server.port}{tmp_path}/remote"
            remote = open_remote(url)
            remote.prepare()
            monkeypatch.setattr(storage, "READ_TIMEOUT", patience)
            yield Line(kind, remote, remote, faults, url)
        return
    if kind in ("az", "gs"):
        url = request.getfixturevalue(f"{kind}_url")
        clean = open_remote(url, dict(os.environ))
        clean.prepare()
        monkeypatch.setattr(storage, "READ_TIMEOUT", patience)
        with faulty_proxy(request.getfixturevalue("azure_port" if kind == "az" else "gs_server")) as proxy:
            monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_connection_at(proxy.port))
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{proxy.port}")
            yield Line(kind, open_remote(url, dict(os.environ)), clean, proxy, url)
        return
    port, bucket = request.getfixturevalue("s3_port"), request.getfixturevalue("bucket")
    proxy = request.getfixturevalue("proxy")
    show_bucket(port, bucket)
    request.getfixturevalue("s3_home")
    clean = open_remote(f"s3://{bucket}/p?endpoint=http://127.0.0.1:{port}")
    clean.prepare()
    place = f"http://127.0.0.1:{proxy.port}"
    url = f"s3://{bucket}/p?endpoint={place}" if kind == "s3" else f"{place}/{bucket}/p"
    monkeypatch.setattr(storage, "READ_TIMEOUT", patience)
    yield Line(kind, open_remote(url), clean, proxy, url)
    proxy.heal()


def _each(faults: dict[str, tuple[str, ...]]) -> pytest.MarkDecorator:
    pairs = [(kind, fault) for kind, several in faults.items() for fault in several]
    return pytest.mark.parametrize(("line", "fault"), pairs, indirect=["line"])


PASSING = {
    "s3": ("503 SlowDown", "500 InternalError", "reset", "stall"),
    "http": ("503 Busy", "429 Slowly", "reset", "stall"),
    "ssh": ("reset", "stall"),
    "az": ("503 ServerBusy", "429 Slowly", "reset", "stall"),
    "gs": ("503 backendError", "429 rateLimitExceeded", "reset"),  # it waits by the same code as `az`
}
WRITES = {
    "s3": (*PASSING["s3"], "400 RequestTimeout", "400 BadDigest", "flip", "half"),
    "ssh": (*PASSING["ssh"], "half"),
    "az": (*PASSING["az"], "flip", "lie"),
    "gs": (*PASSING["gs"], "flip", "lie"),
}
_CUT = {"ssh": (), "gs": ("cut",)}
BROKEN = {kind: (*PASSING[kind], *_CUT.get(kind, ("cut", "stop"))) for kind in PASSING}
RANGES = {
    "s3": (*BROKEN["s3"], "short", "no range"),
    "http": (*BROKEN["http"], "short"),
    "ssh": BROKEN["ssh"],
    "az": (*BROKEN["az"], "short"),  # the range is signed: a request without it is refused
    "gs": (*BROKEN["gs"], "stall", "short", "no range"),
}
REFUSALS = {
    "s3": ("403 AccessDenied",),
    "ssh": ("failure",),
    "az": ("403 AuthorizationFailure",),
    "gs": ("403 forbidden",),
}


def _file(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "local"
    path.write_bytes(os.urandom(size))
    return path


@_each(WRITES)
def test_what_fails_or_arrives_changed_is_sent_again(line: Line, fault: str, tmp_path: Path) -> None:
    local = _file(tmp_path, 1000)
    puts: dict[str, Callable[[], bool]] = {
        PACK: lambda: line.remote.put_file(PACK, str(local)),
        "runs/a.yaml": lambda: line.remote.put_bytes("runs/a.yaml", local.read_bytes()),
    }
    for name, put in puts.items():
        line.spoil("put", fault)
        assert put()
        assert line.faults.met == 1
        assert line.clean.read(name, 1000) == local.read_bytes()


@_each({kind: (*WRITES[kind], *REFUSALS[kind]) for kind in WRITES})
def test_what_cannot_be_sent_is_given_up_in_time_and_leaves_nothing(line: Line, fault: str, tmp_path: Path) -> None:
    local = _file(tmp_path, 1000)
    kind, attempts = (RemoteRefused, 1) if fault in REFUSALS[line.kind] else (RemoteUnreachable, ATTEMPTS)
    puts: dict[str, Callable[[], bool]] = {
        PACK: lambda: line.remote.put_file(PACK, str(local), move=True),
        "runs/a.yaml": lambda: line.remote.put_bytes("runs/a.yaml", b"x" * 1000),
    }
    for name, put in puts.items():
        line.spoil("put", fault, times=100)
        with pytest.raises(kind) as caught:
            put()
        assert line.faults.outwaited == 0
        assert caught.value.exit_code == 5
        assert line.faults.met == attempts
        line.spoil("put", fault, times=0)
        assert line.clean.size(name) is None
        assert line.clean.list(name.partition("/")[0]) == []
    assert local.exists()


@_each(BROKEN)
def test_a_download_that_breaks_off_goes_on_where_it_was(line: Line, fault: str, tmp_path: Path) -> None:
    local = _file(tmp_path, 3_500_000)
    line.clean.put_file(PACK, str(local))
    line.spoil("read", fault, times=2)
    assert line.remote.read(PACK, 3_500_000) == local.read_bytes()
    assert line.faults.met == 2
    if fault in ("cut", "stop"):
        assert len(line.faults.offsets) == 2
        assert 1_000_000 < line.faults.offsets[0] < line.faults.offsets[1]


@pytest.mark.parametrize("line", ["ssh"], indirect=True)
def test_a_download_from_a_server_that_hangs_up_goes_on_where_it_was(line: Line, tmp_path: Path) -> None:
    local = _file(tmp_path, 5_000_000)
    line.clean.put_file(PACK, str(local))
    seen: list[int] = []

    def told(count: int) -> None:
        seen.append(count)
        if len(seen) == 2:
            line.spoil("read", "reset")

    with (tmp_path / "got").open("wb") as file:
        line.remote.get_to(PACK, file.fileno(), 5_000_000, told)
    assert (tmp_path / "got").read_bytes() == local.read_bytes()
    assert min(line.faults.offsets) >= sum(seen[:2])


@_each(RANGES)
def test_a_range_that_breaks_off_or_is_short_is_asked_for_again(line: Line, fault: str, tmp_path: Path) -> None:
    local = _file(tmp_path, 300_000)
    line.clean.put_file(PACK, str(local))
    line.spoil("read", fault, times=2)
    assert line.remote.read_range(PACK, 1000, 200_000) == local.read_bytes()[1000:201_000]
    assert line.faults.met == 2


@_each(RANGES)
def test_a_server_that_stays_dead_is_unreachable_in_time_and_not_absence(
    line: Line, fault: str, tmp_path: Path
) -> None:
    line.clean.put_file(PACK, str(_file(tmp_path, 1000)))
    calls: list[tuple[str, Callable[[], object]]] = [("read", lambda: line.remote.read_range(PACK, 1, 900))]
    if fault in PASSING[line.kind]:
        calls += [("read", lambda: line.remote.read(PACK, 1000)), ("size", lambda: line.remote.size(PACK))]
        if line.kind != "http":
            calls += [("delete", lambda: line.remote.delete(PACK)), ("list", lambda: line.remote.list("packs"))]
    if fault == "stall":
        calls = calls[::3]  # each takes seconds
    for doing, call in calls:
        line.spoil(doing, fault, times=100)
        with pytest.raises(RemoteUnreachable) as caught:
            call()
        assert line.faults.outwaited == 0
        assert caught.value.exit_code == 5
        assert line.faults.met == ATTEMPTS
    line.spoil("read", fault, times=0)
    assert line.clean.size(PACK) == 1000


@_each({kind: PASSING[kind] for kind in WRITES})
def test_a_list_and_a_deletion_that_fail_are_tried_again(line: Line, fault: str) -> None:
    line.clean.put_bytes("runs/a.yaml", b"x")
    line.spoil("list", fault, times=2)
    assert line.remote.list("runs") == ["runs/a.yaml"]
    assert line.faults.met == 2
    line.spoil("delete", fault, times=2)
    line.remote.delete("runs/a.yaml")
    assert line.faults.met == 2
    assert line.clean.list("runs") == []


@pytest.mark.parametrize("line", ["s3", "az", "gs"], indirect=True)
def test_a_deletion_whose_answer_was_lost_is_done(line: Line) -> None:
    line.clean.put_bytes("runs/a.yaml", b"x")
    line.spoil("delete", "cut")
    line.remote.delete("runs/a.yaml")
    assert line.clean.size("runs/a.yaml") is None


@pytest.mark.parametrize("line", ["s3", "az", "gs"], indirect=True)
def test_a_list_in_pages_is_read_to_its_end(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_azure, "_PAGE", 3)  # it is signed with the request, so the proxy cannot change it
    names = [f"runs/{number}.yaml" for number in range(8)]
    for name in names:
        line.clean.put_bytes(name, b"x")
    line.spoil("list", "few", times=100)
    assert line.remote.list("runs") == names
    assert line.faults.met == 3


@pytest.mark.parametrize("line", ["ssh"], indirect=True)
def test_the_time_of_a_file_is_the_servers(line: Line) -> None:
    line.remote.put_bytes("runs/a.yaml", b"x")
    assert [entry.modified for entry in line.remote.entries("runs")] == [1e9]


@pytest.mark.parametrize("line", ["s3", "ssh", "az", "gs"], indirect=True)
@pytest.mark.parametrize("size", [300_000, 6 * 1024 * 1024])
def test_a_process_that_is_killed_while_it_uploads_leaves_nothing_to_be_seen(
    line: Line, size: int, tmp_path: Path
) -> None:
    local = _file(tmp_path, size)
    script = (
        "import os, sys\nfrom repro.store.storages import s3\nfrom repro.store.open_remote import open_remote\n"
        "s3.PART = 5 * 1024 * 1024\nopen_remote(sys.argv[1], os.environ).put_file(*sys.argv[2:])\n"
    )
    writes = _REQUESTS[line.kind]["put"]
    line.spoil("put", "stall", times=100)
    with subprocess.Popen([sys.executable, "-c", script, line.url, PACK, str(local)]) as child:
        while writes not in line.faults.seen and child.poll() is None:
            time.sleep(0.01)
        assert child.poll() is None
        child.kill()
    line.faults.heal()
    assert line.clean.size(PACK) is None
    assert line.clean.list("packs") == []
    line.clean.put_file(PACK, str(local))
    assert line.clean.size(PACK) == size


@pytest.mark.parametrize("line", ["s3"], indirect=True)
def test_of_a_file_in_parts_a_part_that_fails_goes_again_alone(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_s3, "PART", 5 * 1024 * 1024)  # the least that S3 takes
    local = _file(tmp_path, 12 * 1024 * 1024)
    for fault in ("flip", "stall", "503 SlowDown"):
        line.spoil("put", fault)
        line.remote.put_file(PACK, str(local), replace=True)
        assert line.faults.seen.count("PUT") == 4
        assert line.clean.read(PACK, 12 * 1024 * 1024) == local.read_bytes()
    line.spoil("put", "reset", times=100)
    line.clean.delete(PACK)
    with pytest.raises(RemoteError):
        line.remote.put_file(PACK, str(local))
    assert line.faults.met == ATTEMPTS
    assert line.faults.seen[-1] == "DELETE"  # the parts that were sent
    assert line.clean.size(PACK) is None
