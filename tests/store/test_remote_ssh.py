"""What is particular to servers reached by SSH."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncssh
import pytest

from repro.store.open_remote import open_remote
from repro.store.storages import retries, storage
from repro.store.storages.errors import NotARemote, RemoteRefused, RemoteUnreachable, UnsupportedRemote
from tests.remote_servers import SftpServer, sftp_server

OBJECT = "objects/ab/" + "c" * 62


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))


def test_a_connection_that_was_cut_is_made_again(ssh_url: str, sftp: SftpServer, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "local").write_bytes(data)
    remote = open_remote(ssh_url)
    remote.prepare()
    sftp.hang_up()
    assert remote.put_file(OBJECT, str(tmp_path / "local"))
    seen: list[int] = []

    def cut_once(count: int) -> None:
        seen.append(count)
        if len(seen) == 1:
            sftp.hang_up()

    with (tmp_path / "got").open("wb") as file:
        remote.get_to(OBJECT, file.fileno(), len(data), cut_once)
    assert (tmp_path / "got").read_bytes() == data


def test_a_server_that_stops_answering_is_unreachable_in_time(
    ssh_url: str, monkeypatch: pytest.MonkeyPatch, sftp: SftpServer
) -> None:
    remote = open_remote(ssh_url)
    remote.put_bytes("runs/a.yaml", b"x")
    monkeypatch.setattr(storage, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(storage, "CONNECT_TIMEOUT", 0.3)
    stalled, over = threading.Event(), threading.Event()

    def sleep() -> None:
        stalled.set()
        over.wait(20)

    sftp.loop.call_soon_threadsafe(sleep)  # it is the server's only thread
    stalled.wait(20)
    try:
        with pytest.raises(RemoteUnreachable):
            remote.size("runs/a.yaml")
    finally:
        over.set()


def test_a_server_whose_key_is_not_known_is_refused(ssh_url: str) -> None:
    known = Path(os.environ["HOME"], ".ssh", "known_hosts")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key()
    for lines in (b"", known.read_bytes().split(b" ")[0] + b" " + other):
        known.write_bytes(lines)
        with pytest.raises(RemoteRefused) as caught:
            open_remote(ssh_url).prepare()
        assert "known_hosts" in (caught.value.hint or "")


def test_a_key_that_the_server_does_not_know_is_refused(ssh_url: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    Path(os.environ["HOME"], ".ssh", "id_ed25519").write_bytes(key.export_private_key())
    Path(os.environ["HOME"], ".ssh", "id_ed25519.pub").write_bytes(key.export_public_key())
    with pytest.raises(RemoteRefused, match=r"[Pp]ermission denied") as caught:
        open_remote(ssh_url).prepare()
    assert caught.value.exit_code == 5
    assert "a key" in (caught.value.hint or "")


def test_nobody_listening_and_no_such_host_are_unreachable(ssh_url: str) -> None:
    for host in ("127.0.0.1:1", "no-such-host.invalid"):
        with pytest.raises(RemoteUnreachable):
            open_remote(f"ssh://{host}/srv/x").prepare()


def test_a_file_where_the_folder_should_be_is_said(ssh_url: str, tmp_path: Path) -> None:
    (tmp_path / "remote").write_bytes(b"x")
    with pytest.raises(NotARemote, match="is a file"):
        open_remote(ssh_url).prepare()


def test_the_servers_refusal_is_no_absence_and_leaves_no_temporary_file(ssh_url: str, tmp_path: Path) -> None:
    remote = open_remote(ssh_url)
    remote.prepare()
    (tmp_path / "remote" / "runs" / "a.yaml").mkdir(parents=True)  # the rename onto it fails
    with pytest.raises(RemoteRefused):
        remote.put_bytes("runs/a.yaml", b"x")
    assert os.listdir(tmp_path / "remote" / "runs") == ["a.yaml"]


def test_what_a_killed_upload_left_is_no_file_of_the_remote(ssh_url: str, tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / ".repro-tmp-1").write_bytes(b"half")
    remote = open_remote(ssh_url)
    remote.prepare()
    assert (tmp_path / "remote" / "repro-remote").exists()
    [left] = remote.unfinished()
    assert left.size == 4
    assert abs(left.begun - time.time()) < 60
    remote.drop(left)
    remote.drop(left)
    assert os.listdir(tmp_path / "remote") == ["repro-remote"]


class _Plain(asyncssh.SFTPServer):
    """A server with nothing beyond version 3 of the protocol, whose rename refuses what is there."""

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("not known here")

    def fsync(self, file_obj: object) -> None:
        raise asyncssh.SFTPOpUnsupported("not known here")


def test_a_server_without_openssh_extensions_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with sftp_server(_Plain) as server:
        server.let_in(tmp_path / "home")
        remote = open_remote(f"sftp://ann@127.0.0.1:{server.port}{tmp_path}/remote")
        remote.put_bytes(OBJECT, b"cut sh")
        remote.put_bytes(OBJECT, b"whole now")
        assert remote.read(OBJECT, 9) == b"whole now"
        assert os.listdir(tmp_path / "remote/objects/ab") == ["c" * 62]


def test_the_users_openssh_configuration_holds(sftp: SftpServer, ssh_url: str, tmp_path: Path) -> None:
    Path(os.environ["HOME"], ".ssh", "config").write_text(
        f"Host OurServer\n  Hostname 127.0.0.1\n  Port {sftp.port}\n  User ann\n"
    )
    open_remote(f"ssh://OurServer{tmp_path}/remote").prepare()
    assert (tmp_path / "remote" / "repro-remote").exists()


def test_a_process_ends_at_once_with_a_connection_open(ssh_url: str) -> None:
    script = (
        "import sys\nfrom repro.store.open_remote import open_remote\n"
        "r = open_remote(sys.argv[1])\nr.put_bytes('runs/a.yaml', b'x')\nprint(r.list('runs'))\n"
    )
    command = [sys.executable, "-W", "error", "-c", script, ssh_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['runs/a.yaml']\n", "")


@pytest.mark.parametrize("url", ["ssh://host", "ssh:///srv/x", "ssh://ann:secret@host/x", "ssh://host:port/x"])
def test_a_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedRemote) as caught:
        open_remote(url)
    assert "secret" not in caught.value.message
    assert "ssh://USER@HOST/PATH" in (caught.value.hint or "")
