"""A push and a fetch of much that are killed on their way, over S3 and SFTP: the next moves the rest, in bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.model.data.content import ObjectRef
from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from tests.faulty_servers import Faults, faulty_proxy, faulty_sftp_server

LARGE = 32_000_000
MOST = LARGE * 3 // 4
PACK = 500_000
"""Here instead of 64 MiB. A pack ends with the chunk that fills it, of at most 2 MiB."""
SMALL = 100_000
A_PACK = 16
AT_ONCE = 2
"""Packs that an index names, and transfers at a time."""
LOST = (3 * AT_ONCE + 1) * (PACK + 2_000_000)
"""At the most: packs on their way, those that came and wait for an index, and those whose index is being written."""

_CHILD = f"""
import os, sys
from repro.model.data.content import ObjectRef
from repro.store.transfer import fetched_packs
from repro.store.transfer import outgoing
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.transfer.transfer import fetch_objects, push_objects
outgoing.PACK_SIZE = {PACK}
outgoing._PACKS_AT_ONCE = fetched_packs._AT_ONCE = {AT_ONCE}
fetched_packs._WORTH_KEEPING = {PACK}
doing = {{"push": push_objects, "fetch": fetch_objects}}[sys.argv[1]]
refs = [ObjectRef(digest, int(size)) for digest, size in map(str.split, sys.argv[4:])]
doing(Cache(sys.argv[2]), open_remote(sys.argv[3], os.environ), refs, jobs={AT_ONCE})
"""


@pytest.fixture(params=["s3", "ssh"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Faults]]:
    """A remote's URL, and who counts what goes there and back."""
    if request.param == "ssh":
        with faulty_sftp_server() as (server, faults):
            server.let_in(tmp_path / "ssh-home")
            monkeypatch.setenv("HOME", str(tmp_path / "ssh-home"))
            monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
            yield f"ssh://ann@127.0.0.1:{server.port}{tmp_path}/remote", faults
        return
    bucket = request.getfixturevalue("bucket")
    request.getfixturevalue("s3_home")
    with faulty_proxy(request.getfixturevalue("s3_port")) as proxy:
        yield f"s3://{bucket}/p?endpoint=http://127.0.0.1:{proxy.port}", proxy


def _begin(doing: str, cache: str, url: str, *refs: ObjectRef) -> subprocess.Popen[bytes]:
    named = [f"{ref.digest} {ref.size}" for ref in refs]
    return subprocess.Popen([sys.executable, "-c", _CHILD, doing, cache, url, *named], env=dict(os.environ))


def _killed(child: subprocess.Popen[bytes], passed: Callable[[], int]) -> int:
    """Kill a transfer when most has passed; return how much has."""
    with child:
        while passed() < MOST:
            assert child.poll() is None
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
    return passed()


def _ended(child: subprocess.Popen[bytes], passed: Callable[[], int]) -> int:
    before = passed()
    with child:
        assert child.wait(120) == 0
    return passed() - before


def test_what_is_killed_goes_on_there(place: tuple[str, Faults], tmp_path: Path) -> None:
    url, counted = place
    cache = Cache(str(tmp_path / "cache"))
    ref = cache.add_bytes(random.Random(1).randbytes(LARGE))
    first = _killed(_begin("push", cache.root, url, ref), lambda: counted.up)
    again = _ended(_begin("push", cache.root, url, ref), lambda: counted.up)
    assert 0 < again < LARGE - first + LOST < LARGE

    elsewhere = Cache(str(tmp_path / "elsewhere"))
    first = _killed(_begin("fetch", elsewhere.root, url, ref), lambda: counted.down)
    again = _ended(_begin("fetch", elsewhere.root, url, ref), lambda: counted.down)
    assert 0 < again < LARGE - first + LOST < LARGE
    assert missing_here(elsewhere, [ref]) == ()


@pytest.mark.parametrize("place", ["ssh"], indirect=True)
def test_many_small_objects_that_came_before_a_kill_do_not_come_again(
    place: tuple[str, Faults], tmp_path: Path
) -> None:
    url, counted = place
    cache = Cache(str(tmp_path / "cache"))
    some = random.Random(2)
    refs: list[ObjectRef] = []
    while len(refs) < LARGE // SMALL:  # each batch is a pack, which goes as it is
        with cache.batch() as batch:
            refs += [batch.add_bytes(some.randbytes(SMALL)) for _ in range(A_PACK)]
    _ended(_begin("push", cache.root, url, *refs), lambda: counted.up)

    elsewhere = Cache(str(tmp_path / "elsewhere"))
    began = counted.down
    first = _killed(_begin("fetch", elsewhere.root, url, *refs), lambda: counted.down - began)
    assert missing_here(elsewhere, refs)
    again = _ended(_begin("fetch", elsewhere.root, url, *refs), lambda: counted.down)
    assert 0 < again < LARGE - first + LOST < LARGE
    assert missing_here(elsewhere, refs) == ()
