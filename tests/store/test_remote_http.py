"""A remote that is read through a web server: what another remote wrote, over a bad line and from odd servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.storages import retries, storage
from repro.store.storages.errors import (
    NotARemote,
    NotOnRemote,
    RemoteListsNothing,
    RemoteRefused,
    RemoteUnreachable,
    TooLong,
)
from tests.faulty_servers import FaultyProxy, faulty_proxy
from tests.remote_servers import web_server

OBJECT = "objects/ab/" + "c" * 62
LENGTH = 3_500_000


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    """The one object of a remote in `tmp_path/remote`."""
    data = os.urandom(LENGTH)
    remote = open_remote(str(tmp_path / "remote"))
    remote.put_bytes(OBJECT, data)
    remote.put_bytes("objects/ab/empty", b"")
    return data


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[FaultyProxy]:
    with web_server(tmp_path) as port, faulty_proxy(port) as proxy:
        yield proxy


@pytest.fixture
def web(proxy: FaultyProxy) -> Remote:
    return open_remote(f"http://127.0.0.1:{proxy.port}/remote")


def test_what_is_there_is_read_and_what_is_not_is_absent(web: Remote, data: bytes) -> None:
    assert web.size(OBJECT) == LENGTH
    assert web.read(OBJECT, LENGTH) == data
    assert web.size("objects/ab/empty") == 0
    assert web.read("objects/ab/empty", 0) == b""
    assert web.size("objects/none") is None
    with pytest.raises(NotOnRemote):
        web.read("objects/none", 1)
    with pytest.raises(TooLong):
        web.read(OBJECT, 1000)


def test_a_web_page_is_no_remote(proxy: FaultyProxy, tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with pytest.raises(NotARemote, match="no file repro-remote"):
        open_remote(f"http://127.0.0.1:{proxy.port}/page").size(OBJECT)


def test_it_can_be_neither_listed_nor_written(web: Remote, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(RemoteListsNothing) as caught:
        web.list("runs")
    assert caught.value.exit_code == 5
    with pytest.raises(RemoteRefused, match="read only") as refused:
        web.put_bytes("runs/a.yaml", b"x")
    assert refused.value.hint
    with pytest.raises(RemoteRefused, match="read only"):
        open_remote(web.shown.replace("/remote", "/new")).prepare()


@pytest.mark.parametrize("fault", ["reset", "stall", "cut", "503 Busy", "429 Slowly"])
def test_a_download_that_breaks_off_is_gone_on_with_though_the_server_knows_no_ranges(
    web: Remote, proxy: FaultyProxy, data: bytes, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "stall":
        monkeypatch.setattr(storage, "READ_TIMEOUT", 1.0)
    proxy.spoil("GET", fault, times=2)
    assert web.read(OBJECT, LENGTH) == data
    assert proxy.seen == ["GET"] * 3


@pytest.mark.parametrize("fault", ["reset", "502 Gateway"])
def test_a_server_that_stays_dead_is_unreachable_and_not_absence(
    web: Remote, proxy: FaultyProxy, data: bytes, fault: str
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "HEAD": lambda: web.size(OBJECT),
        "GET": lambda: web.read(OBJECT, LENGTH),
    }
    for method, call in calls.items():
        proxy.spoil(method, fault, times=100)
        with pytest.raises(RemoteUnreachable):
            call()
        assert proxy.seen == [method] * 4


@pytest.mark.parametrize("status", ["401", "403", "418"])
def test_a_refusal_is_not_absence_and_not_tried_again(
    web: Remote, proxy: FaultyProxy, data: bytes, status: str
) -> None:
    proxy.spoil("GET", status, times=100)
    with pytest.raises(RemoteRefused, match=status):
        web.read(OBJECT, LENGTH)
    assert proxy.seen == ["GET"]


def test_where_lengths_are_not_told_the_bytes_are_counted(web: Remote, proxy: FaultyProxy, data: bytes) -> None:
    proxy.spoil("HEAD", "405")
    assert web.size(OBJECT) == LENGTH


def test_nobody_listening_is_unreachable() -> None:
    for url in ("http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http://no-such-host.invalid/x"):
        with pytest.raises(RemoteUnreachable):
            open_remote(url).size(OBJECT)


def test_the_users_proxy_is_used_but_not_for_what_they_except(proxy: FaultyProxy, data: bytes) -> None:
    url = f"http://127.0.0.1:{proxy.port}/remote"
    dead = {"http_proxy": "http://127.0.0.1:1"}
    with pytest.raises(RemoteUnreachable):
        open_remote(url, dead).size(OBJECT)
    assert open_remote(url, {**dead, "no_proxy": "127.0.0.1"}).size(OBJECT) == LENGTH


def test_a_token_in_the_query_goes_along_and_is_not_shown(proxy: FaultyProxy, data: bytes) -> None:
    remote = open_remote(f"http://ann:secret@127.0.0.1:{proxy.port}/remote?token=hidden")
    assert remote.size(OBJECT) == LENGTH
    assert remote.shown == f"http://127.0.0.1:{proxy.port}/remote"
