"""Small files that other processes read and pack: the same is stored as by one process, and nothing is left of them."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import repro.store.cache.batch
from repro.data.capture import Captured, ChangedWhileRead, capture
from repro.model.data.content import ObjectRef
from repro.model.data.tree_objects import batches, shares
from repro.model.names import RelPath
from repro.store.cache.adoption import AdoptingCache
from repro.store.cache.batch import Batch
from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from repro.store.files.digest_only import DigestOnly
from repro.store.packs import packing_processes
from repro.store.packs.packing_processes import PackingEnded, PackingProcesses
from repro.store.usable_cores import usable_cores
from tests.command_line import REPRO, Person
from tests.crash_points import nothing_is_lost_here
from tests.data.remembering import Counting, Remembering

DATA = RelPath(b"data")
HELPED = "repro.packing_process"
FILES = 400


@pytest.fixture(autouse=True)
def _early(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first file, and where there is one core only: the two numbers are about speed alone."""
    monkeypatch.setattr(repro.store.cache.batch, "_SHARED_FROM", 1)
    monkeypatch.setattr(packing_processes, "processes_to_start", lambda: 2)


@pytest.fixture(autouse=True)
def _not_for_ever() -> Iterator[None]:
    """Whoever waits for a process that says nothing more fails, again and again, until all is given up."""

    def end(number: int, frame: object) -> None:
        raise TimeoutError("a process that packs is waited for, and says nothing more")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 120, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def all_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are given to processes from the first: else those here are read before one has started."""
    plain = PackingProcesses.__init__

    def start(self: PackingProcesses, *arguments: Any) -> None:
        plain(self, *arguments)
        while not all(one.is_ready for one in self._processes):
            self._hear(None)

    monkeypatch.setattr(PackingProcesses, "__init__", start)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory of directories, with everything in it that a file may be, and the same content here and there."""
    folder = tmp_path / "work"
    draw = random.Random(1)
    for number in range(FILES):
        path = folder / "data" / f"d{number % 4}" / f"f{number:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw.randbytes(draw.randrange(3000)) if number % 5 else b"everywhere the same" * 20)
    (folder / "data" / "d1" / "large").write_bytes(draw.randbytes(300_000))
    (folder / "data" / "d1" / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "data" / "d1" / "run").chmod(0o755)
    (folder / "data" / "d2" / "link").symlink_to("nowhere")
    (folder / "data" / "empty").mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), HELPED)


def captured(work: Path, cache: Cache) -> Captured:
    return capture(str(work), DATA, cache)


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """Which processes this one has started since and not yet waited for: servers of other tests may be among all."""
    earlier = set(_children(os.getpid()))
    return lambda: set(_children(os.getpid())) - earlier


@contextlib.contextmanager
def when_shared(call: Callable[[int], None]) -> Iterator[None]:
    """Have something done just before some files of an open directory are given away."""
    plain = Batch.share

    def share(batch: Batch, folder: int, files: bytes, sizes: Sequence[int]) -> object:
        call(folder)
        return plain(batch, folder, files, sizes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "share", share)
        yield


@pytest.mark.usefixtures("all_ready")
def test_what_other_processes_pack_is_what_one_stores(
    work: Path, cache: Cache, tmp_path: Path, children: Callable[[], set[int]]
) -> None:
    with cache.batch() as batch:
        assert shares(batch)
    alone = Cache(str(tmp_path / "alone"))
    with when_shared(lambda folder: None):
        found = captured(work, cache)
    assert found == captured(work, alone) == capture(str(work), DATA, DigestOnly())
    assert missing_here(cache, [found.content]) == ()
    packs = [path.stat().st_size for path in Path(cache.root, "packs").iterdir()]
    assert len(packs) >= 2, "each process has packs of its own"
    assert sum(packs) < 1.1 * sum(path.stat().st_size for path in Path(alone.root, "packs").iterdir())
    assert len(list(Path(cache.root, "indexes").iterdir())) == 1
    assert os.listdir(Path(cache.root, "tmp")) == []
    assert children() == set()


@pytest.mark.usefixtures("all_ready")
def test_what_is_there_is_not_packed_again(work: Path, cache: Cache) -> None:
    captured(work, cache)
    size = sum(path.stat().st_size for path in Path(cache.root, "packs").iterdir())
    (work / "data" / "d0" / "more").write_bytes(b"more")
    found = captured(work, Cache(cache.root, HELPED))
    assert missing_here(cache, [found.content]) == ()
    assert sum(path.stat().st_size for path in Path(cache.root, "packs").iterdir()) < size + 100


@pytest.mark.usefixtures("all_ready")
def test_what_is_published_in_between_is_published_with_what_others_packed(
    work: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repro.store.cache.batch, "_RECORDS_AT_ONCE", 50)
    found = captured(work, cache)
    assert len(list(Path(cache.root, "indexes").iterdir())) > 1
    assert missing_here(Cache(cache.root), [found.content]) == ()
    assert os.listdir(Path(cache.root, "tmp")) == []


@pytest.mark.usefixtures("all_ready")
def test_they_help_a_batch_that_takes_over_large_files_as_well(work: Path, cache: Cache) -> None:
    sink = AdoptingCache(cache)
    assert batches(sink)
    found = capture(str(work), DATA, sink)
    assert len(list(Path(cache.root, "packs").iterdir())) >= 2
    assert missing_here(cache, [found.content]) == ()


@pytest.mark.usefixtures("all_ready")
def test_what_they_read_is_remembered(work: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Remembering(work)
    read_here = list[bytes]()
    plain = Batch.add_bytes

    def add_bytes(batch: Batch, data: bytes) -> ObjectRef:
        read_here.append(data)
        return plain(batch, data)

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "add_bytes", add_bytes)
        found = project.capture_later(DATA, monkeypatch, cache)
    assert len(read_here) < FILES / 2, "what others have read is not read again here"
    assert project.is_unchanged(DATA)
    (work / "data" / "d1" / "f001").write_bytes(b"changed")
    sink = Counting()
    now = project.capture(DATA, sink)
    assert (sink.read, now.files) == (1, found.files)
    assert now.content == capture(str(work), DATA, DigestOnly()).content


@pytest.mark.usefixtures("all_ready")
def test_a_file_that_changes_or_goes_before_they_read_it_is_read_again_or_named(
    work: Path, cache: Cache, children: Callable[[], set[int]]
) -> None:
    path = work / "data" / "d1" / "f001"

    def write_to_it(folder: int) -> None:
        if os.path.samestat(os.fstat(folder), path.parent.stat()):
            path.write_bytes(b"changed")

    with when_shared(write_to_it):
        found = captured(work, cache)
    assert found.content == capture(str(work), DATA, DigestOnly()).content

    def remove_it(folder: int) -> None:
        if os.path.samestat(os.fstat(folder), path.parent.stat()):
            path.unlink(missing_ok=True)

    again = Cache(f"{cache.root}-again", HELPED)
    with when_shared(remove_it), pytest.raises(ChangedWhileRead, match="data/d1/f001"):
        captured(work, again)
    assert os.listdir(Path(again.root, "tmp")) == []
    assert children() == set()


@pytest.mark.usefixtures("all_ready")
def test_an_object_that_is_damaged_in_a_pack_is_stored_as_a_file(work: Path, cache: Cache) -> None:
    found = captured(work, cache)
    victim = (work / "data" / "d1" / "f001").read_bytes()
    ref = cache.ref_of(DigestOnly().add_bytes(victim).digest)
    for pack in Path(cache.root, "packs").iterdir():
        pack.unlink()
    Path(cache.root, "damaged").mkdir()
    Path(cache.root, "damaged", ref.digest[3:]).touch()
    again = Cache(cache.root, HELPED)
    assert captured(work, again) == found
    assert Path(again.path_of(ref.digest)).read_bytes() == victim
    named = [place.pack for index in again.pack_indexes() if (place := index.find(ref.digest))]
    assert not any(Path(cache.root, "packs", pack.digest[3:]).exists() for pack in named), "it is in a pack as well"


@pytest.mark.usefixtures("all_ready")
def test_where_one_is_killed_that_is_said_and_what_it_leaves_is_harmless(
    work: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, children: Callable[[], set[int]]
) -> None:
    plain = PackingProcesses._answer

    def answer(self: PackingProcesses, one: Any, digests: bytes) -> None:
        plain(self, one, digests)
        os.kill(one.process.pid, signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(PackingProcesses, "_answer", answer)
        with pytest.raises(PackingEnded, match="signal 9"):
            captured(work, cache)
    assert children() == set()
    assert list(Path(cache.root, "packs").glob("*")) == []
    assert missing_here(cache, [captured(work, Cache(cache.root, HELPED)).content]) == ()


def test_one_that_cannot_start_is_done_without(
    work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], children: Callable[[], set[int]]
) -> None:
    cache = Cache(str(tmp_path / "cache"), "repro.there_is_no_such_module")
    found = captured(work, cache)
    assert missing_here(cache, [found.content]) == ()
    assert len(list(Path(cache.root, "packs").iterdir())) == 1
    assert children() == set()


@pytest.mark.usefixtures("all_ready")
def test_a_disk_that_is_full_for_them_is_named(work: Path, cache: Cache, children: Callable[[], set[int]]) -> None:
    cache.add_bytes(b"the folder is there")
    for number in range(40):
        (work / "data" / "d3" / f"noise{number}").write_bytes(os.urandom(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            captured(work, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.filename == f"{cache.root}/tmp"
    assert os.listdir(Path(cache.root, "tmp")) == []
    assert children() == set()


def _with_processes(ann: Person) -> tuple[subprocess.Popen[str], set[int]]:
    """Begin to add more files than one process deals with, and return when others pack some; a group of its own."""
    ann.git("init", "--quiet")
    (ann.cwd / "data").mkdir()
    for number in range(9000):
        (ann.cwd / "data" / f"f{number}").write_bytes(b"%d" % number)
    add = subprocess.Popen(
        [*REPRO, "add", "data"],
        cwd=ann.cwd,
        env=ann.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    packing: set[int] = set()
    while len(packing) < 2 or not _left_by(ann, packing):
        assert add.poll() is None, "it ended before any helped"
        packing = {pid for pid in _children(add.pid) if _is_packing(pid)}
    return add, packing


def _left_by(ann: Person, packing: set[int]) -> list[str]:
    """The packs in the making of some processes."""
    with contextlib.suppress(FileNotFoundError):
        names = os.listdir(ann.home / ".local" / "share" / "repro" / "tmp")
        return [name for name in names if int(name.split("-")[0]) in packing]
    return []


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())


def _is_packing(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return b"repro.packing_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.mark.skipif(usable_cores() < 2, reason="on one core none is started")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_when_an_add_is_killed_or_stopped_none_goes_on(ann: Person, number: signal.Signals) -> None:
    add, packing = _with_processes(ann)
    if number is signal.SIGINT:
        os.killpg(add.pid, number)  # as a terminal does: all of the group hear of it
    else:
        os.kill(add.pid, number)
    _, told = add.communicate(timeout=60)
    assert add.returncode == (130 if number is signal.SIGINT else -number), told
    assert "Traceback" not in told
    deadline = time.monotonic() + 60
    while any(_is_packing(pid) for pid in packing):
        assert time.monotonic() < deadline, "they go on without it"
        time.sleep(0.01)
    assert _left_by(ann, packing) == []
    nothing_is_lost_here(ann)
    ann.repro("add", "data")
    nothing_is_lost_here(ann)


@pytest.mark.skipif(usable_cores() < 2, reason="on one core none is started")
def test_an_add_of_which_a_process_is_killed_says_so_and_the_next_one_completes_it(ann: Person) -> None:
    add, packing = _with_processes(ann)
    os.kill(min(packing), signal.SIGKILL)  # as a system does that is short of memory
    try:
        _, told = add.communicate(timeout=60)
    finally:
        add.kill()
    assert (add.returncode, told.count("ended by signal 9")) == (3, 1), told
    assert not any(_is_packing(pid) for pid in packing)
    ann.repro("add", "data")
    nothing_is_lost_here(ann)
