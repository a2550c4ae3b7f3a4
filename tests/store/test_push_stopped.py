"""Ctrl-C ends a push at once, also while a server is silent; the next push completes it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from repro.model.data.tree import Entry
from repro.model.digest import Digest
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.transfer import looked_up
from repro.store.transfer.transfer import Push, fetch_objects
from tests.command_line import REPRO, Person
from tests.crash_points import nothing_is_lost_there, store_of
from tests.faulty_servers import faulty_sftp_server
from tests.store.test_sent_ahead import Blocked, SlowlyLooking, _with_last


class StoppedWhileLooking(SlowlyLooking):
    """A store whose user presses Ctrl-C while it looks for the last tree, when a pack is on its way."""

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        found = super().read_tree(digest)
        if digest == self.last:
            raise KeyboardInterrupt
        return found


class Watched(Blocked):
    """A directory that takes no pack before it is told to, or loses patience, and counts that."""

    ended = 0

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        try:
            super().put_file(name, path, move)
        finally:
            self.ended += 1


def test_a_push_that_is_stopped_while_it_looks_does_not_wait_for_what_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looked_up, "_FIRST_BATCH", 1)
    monkeypatch.setattr(looked_up, "BATCH", 1)
    storage = Watched(str(tmp_path / "remote"))
    cache = StoppedWhileLooking(str(tmp_path / "cache"))
    tree = _with_last(cache, "x", "y")
    cache.has_happened = lambda: storage.begun == 1
    try:
        with pytest.raises(KeyboardInterrupt), Push(cache, Remote(storage, "blocked"), jobs=1) as pushing:
            pushing.send([tree])
        assert storage.ended == 0, "it waited for the pack"
    finally:
        storage.go_on.set()
    cache.last = None
    remote = open_remote(str(tmp_path / "remote"))
    with Push(cache, remote) as pushing:
        pushing.send([tree])
        pushing.flush()
    assert storage.begun == 1, "what had not begun to be sent begins no more"
    assert fetch_objects(Cache(str(tmp_path / "elsewhere")), remote, [tree]).objects == 2 * 101 + 3


def test_ctrl_c_ends_a_push_to_a_silent_server(ann: Person, tmp_path: Path) -> None:
    ann.git("init", "--quiet")
    for number in range(30):
        ann.write(f"data/f{number}", f"{number}".encode() * 1000)
    (ann.cwd / "large").write_bytes(os.urandom(2_000_000))
    ann.repro("add", "data", "large")
    with faulty_sftp_server() as (server, faults):
        server.let_in(ann.home)
        url = f"ssh://ann@127.0.0.1:{server.port}{tmp_path}/far"
        ann.repro("push", "-r", url)
        (ann.cwd / "large").write_bytes(os.urandom(2_000_000))
        ann.repro("add", "large")
        faults.spoil("write", "stall", 50)
        push = subprocess.Popen(
            [*REPRO, "push", "-r", url], cwd=ann.cwd, env=ann.environ, stderr=subprocess.PIPE, text=True
        )
        try:
            until = time.monotonic() + 30
            while not faults.met:
                assert push.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            push.send_signal(signal.SIGINT)
            _, told = push.communicate(timeout=20)  # the server stays silent for far longer
        finally:
            push.kill()
            push.wait()
        assert (push.returncode, told) == (130, "repro: interrupted\n")
        assert os.listdir(Path(store_of(ann)) / "tmp") == []
        faults.heal()
        ann.repro("push", "-r", url)
        assert nothing_is_lost_there(str(tmp_path / "far"), tmp_path / "empty") == 3
