"""Of a tracked directory, a rebuild fetches what the run read, and nothing of the rest is lost or pretended."""

from __future__ import annotations

import http.server
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from repro.execution import landlock
from repro.store.cache.cache import Cache
from tests.command_line import REPRO, Person
from tests.remote_servers import serving

LARGE = 3_000_000
READ = """\
import os
sizes = {name: os.path.getsize("data/" + name) for name in sorted(os.listdir("data"))}
assert os.path.exists("data/deep/never.bin")
open("result", "w").write(repr(sizes) + open("data/small.csv").read() + open("data/deep/read.bin").read(9))
"""
KINDS = ("bwrap", "landlock")


@dataclass(frozen=True)
class Sent:
    """A run on a remote, of which no more is left, and the bytes of the files that it did not read."""

    run: str
    remote: Path
    unread: int


def record(ann: Person, remote: Path, script: str, *options: str) -> Sent:
    """Ann tracks `data`, of which the script reads some, and pushes; then her machine is gone."""
    rng = random.Random(5)
    ann.git("init", "--quiet")
    ann.write("data/small.csv", "1\n2\n")
    ann.write("data/unread.bin", rng.randbytes(LARGE))
    ann.write("data/deep/read.bin", rng.randbytes(1000).hex())
    ann.write("data/deep/never.bin", rng.randbytes(LARGE))
    ann.write("data/deep/tool.sh", "#!/bin/sh\n", 0o755)
    ann.repro("add", "data")
    ann.write("job.py", script)
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.repro("run", "--watch", "strace", *options, "--", "python", "job.py")
    ann.repro("push", "-r", str(remote))
    run = ann.runs()[-1]
    shutil.rmtree(ann.home)
    return Sent(run, remote, 2 * LARGE)


@contextmanager
def counted(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Serve a remote over HTTP; yield its URL and the lengths of all answers."""
    sent: list[int] = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *args: object) -> None:
            pass

        def send_header(self, keyword: str, value: str) -> None:
            if keyword.lower() == "content-length" and self.command == "GET":
                sent.append(int(value))
            super().send_header(keyword, value)

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting)) as server:
        yield f"http://127.0.0.1:{server.server_port}", sent


def rebuilt(bob: Person, sent: Sent, *options: str, source: str | None = None) -> Any:
    done = bob.repro(
        "rebuild", sent.run, "--from", source or str(sent.remote), "--keep", *options, "--json", expect=None
    )
    return json.loads(done.stdout)


def has_large(bob: Person) -> int:
    """How many of the large files are in Bob's store."""
    cache = Cache(str(bob.home / ".local" / "share" / "repro"))
    large = (path for path in Path(cache.root, "objects").rglob("*") if path.is_file())
    return sum(path.stat().st_size == LARGE for path in large)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuild_fetches_only_what_the_run_read(ann: Person, bob: Person, tmp_path: Path, kind: str) -> None:
    if kind == "landlock" and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    sent = record(ann, tmp_path / "remote", READ)
    with counted(sent.remote) as (url, answers):
        found = rebuilt(bob, sent, "--sandbox", kind, source=url)
    assert (found["verdict"], found["sandbox"]["kind"]) == ("identical", kind)
    assert sum(answers) < LARGE / 10
    assert has_large(bob) == 0
    kept = Path(found["directory"]) / "data"
    assert sorted(path.name for path in kept.rglob("*") if path.is_file()) == ["read.bin", "small.csv"]
    assert bob.repro("verify", sent.run, "--from", str(sent.remote)).returncode == 0


@pytest.mark.parametrize("options", [("--whole",), ("--sandbox", "none")])
def test_the_whole_is_fetched_where_that_is_said_or_nothing_keeps_the_command_from_it(
    ann: Person, bob: Person, tmp_path: Path, options: tuple[str, ...]
) -> None:
    sent = record(ann, tmp_path / "remote", READ)
    found = rebuilt(bob, sent, *options)
    assert found["verdict"] == "identical"
    assert has_large(bob) == 2
    assert (Path(found["directory"]) / "data" / "unread.bin").stat().st_size == LARGE


READS_ELSEWHERE_MORE = """\
import os
name = "data/unread.bin" if os.path.exists(os.path.expanduser("~/.of-ann")) == {there} else "data/small.csv"
open("result", "w").write(str(len(open(name, "rb").read())))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_who_reads_more_than_the_run_did_is_refused_it_and_told(
    ann: Person, bob: Person, tmp_path: Path, kind: str
) -> None:
    if kind == "landlock" and not landlock.version():
        pytest.skip("this kernel has no Landlock")
    ann.write("../.of-ann", "")
    sent = record(ann, tmp_path / "remote", READS_ELSEWHERE_MORE.format(there=False))
    found = rebuilt(bob, sent, "--sandbox", kind)
    assert found["verdict"] == "failed"
    [finding] = [one for one in found["findings"] if one["kind"] == "not-fetched"]
    assert finding["path"].endswith("/data/unread.bin")
    assert "--whole" in finding["hint"]
    assert rebuilt(bob, sent, "--sandbox", kind, "--whole")["verdict"] == "different"


CHANGES = """\
import os, shutil
with open("data/unread.bin", "w") as file: file.write("new")
os.rename("data/deep", "data/moved")
os.unlink("data/small.csv")
open("data/later", "w").write("x")
open("data/later").read()
"""


def test_what_the_run_writes_over_moves_or_removes_there_is_there(ann: Person, bob: Person, tmp_path: Path) -> None:
    sent = record(ann, tmp_path / "remote", CHANGES)
    found = rebuilt(bob, sent, "--sandbox", "bwrap")
    assert found["verdict"] == "identical", found
    assert {"data/unread.bin", "data/moved/never.bin", "data/later"} <= {one["path"] for one in found["outputs"]}


def test_what_is_missing_of_what_was_read_is_named_before_anything_starts(
    ann: Person, bob: Person, tmp_path: Path
) -> None:
    sent = record(ann, tmp_path / "remote", READ)
    shutil.rmtree(sent.remote / "packs")
    (sent.remote / "packs").mkdir()
    found = rebuilt(bob, sent)
    assert found["verdict"] == "unbuildable"
    assert "data" in {one["path"] for one in found["findings"] if one["kind"] == "data-missing"}


def test_as_a_plain_user_it_is_refused_too(ann: Person, bob: Person, tmp_path: Path) -> None:
    user = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    if subprocess.run([*user, "true"], capture_output=True).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("user namespaces are needed for this test")
        pytest.skip("this kernel gives no user namespaces")
    sent = record(ann, tmp_path / "remote", READ)
    done = bob.call(*user, *REPRO, "rebuild", sent.run, "--from", str(sent.remote), "--json")
    assert json.loads(done.stdout)["verdict"] == "identical", done.stderr
    assert has_large(bob) == 0
