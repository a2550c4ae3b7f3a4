"""A command that is stopped before each change it makes, while another one does all its work, and then goes on.

So every order in which a gc and a push, or a gc and an add, may meet is tried, and not only those that luck brings.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from tests.command_line import REPRO, Person
from tests.crash_points import (
    KillPoint,
    Place,
    chosen,
    fill,
    kill_points,
    noise,
    nothing_is_lost_here,
    nothing_is_lost_there,
    recorded,
    store_of,
)
from tests.crash_slow_clock import NEVER_FRESH


def stopped(
    person: Person, command: Sequence[str], point: KillPoint, log: Path, meanwhile: Callable[[], object]
) -> None:
    """Stop a command at an instant, do something else, and let it go on; both must end well."""
    log.unlink(missing_ok=True)
    inject = f"inject={point.call}:signal=STOP:when={point.number}"
    traced = ["strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={point.call}", "-e", inject, *command]
    process = subprocess.Popen(
        traced, cwd=person.cwd, env=person.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (log.exists() and "stopped by SIGSTOP" in log.read_text()):
        time.sleep(0.01)
    try:
        meanwhile()
    finally:
        while process.poll() is None:  # threads stop one by one: who is stopped late is woken again
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGCONT)
            time.sleep(0.05)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def age(far: Path, days: float = 20) -> None:
    """Let everything on a remote be as old as that."""
    moment = time.time() - days * 86400
    for path in far.rglob("*"):
        os.utime(path, (moment, moment))


def forget(far: Path) -> None:
    """Remove all records of a remote, so that everything on it is garbage."""
    for path in (far / "pointers").iterdir():
        path.unlink()


def _far(tracked: Person, tmp_path: Path) -> tuple[Path, Person]:
    """A remote where all that Ann has lies as old garbage, some of it beside what is not; and who collects garbage."""
    far = tmp_path / "far"
    fill(tracked, "shared", 100, seed=6)
    tracked.repro("add", "shared")
    tracked.repro("push", "-r", str(far))
    forget(far)
    home = tmp_path / "collector"
    home.mkdir()
    collector = Person(home=home, cwd=home, venv=tracked.venv)
    collector.git("init", "--quiet")
    fill(collector, "shared", 20, seed=6)
    collector.repro("add", "shared")
    collector.repro("push", "-r", str(far))
    age(far)
    return far, collector


def test_a_push_that_a_gc_meets(tracked: Person, tmp_path: Path) -> None:
    """The gc condemns what the push relies on, or deletes what was condemned long before."""
    far, collector = _far(tracked, tmp_path)
    (tracked.cwd / "more.bin").write_bytes(noise(300_000, 8))
    tracked.repro("add", "more.bin")
    gc = ["gc", "-r", str(far), "--delete"]
    for condemned_before in (False, True):
        if condemned_before:
            collector.repro(*gc)
            age(far)
        places = [Place(tracked.home), Place(far), Place(collector.home)]
        push = ["push", "-r", str(far)]
        points = kill_points(tracked, push, tmp_path / "strace.log")
        for point in chosen(points, f"push met {condemned_before}"):
            for place in places:
                place.restore()
            try:
                stopped(tracked, [*REPRO, *push], point, tmp_path / "log", lambda: collector.repro(*gc))
                assert nothing_is_lost_there(str(far), tmp_path / "empty") == 5
                age(far)
                for _ in range(2):
                    collector.repro(*gc)
                    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 5
            except BaseException as error:
                error.add_note(f"stopped at {point}, condemned before: {condemned_before}")
                raise
        for place in places:
            place.restore()


def test_a_gc_that_a_push_meets(tracked: Person, tmp_path: Path) -> None:
    far, collector = _far(tracked, tmp_path)
    gc = ["gc", "-r", str(far), "--delete"]
    push = ["push", "-r", str(far)]
    for condemned_before in (False, True):
        if condemned_before:
            collector.repro(*gc)
            age(far)
        places = [Place(tracked.home), Place(far), Place(collector.home)]
        points = kill_points(collector, gc, tmp_path / "strace.log")
        for point in chosen(points, f"gc met {condemned_before}"):
            for place in places:
                place.restore()
            try:
                stopped(collector, [*REPRO, *gc], point, tmp_path / "log", lambda: tracked.repro(*push))
                assert nothing_is_lost_there(str(far), tmp_path / "empty") == 4
                age(far)
                for _ in range(2):
                    collector.repro(*gc)
                    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 4
            except BaseException as error:
                error.add_note(f"stopped at {point}, condemned before: {condemned_before}")
                raise
        for place in places:
            place.restore()


def test_a_gc_that_an_add_meets(tracked: Person, tmp_path: Path) -> None:
    """What is added again while the gc holds it for garbage is there afterwards."""
    fill(tracked, "again", 100, seed=3)
    tracked.write("again.bin", noise(300_000, 3))
    tracked.repro("add", "again", "again.bin")
    fill(tracked, "shrunk", 100, seed=4)
    tracked.repro("add", "shrunk")
    for number in range(10, 100):
        (tracked.cwd / f"shrunk/f{number:03}").rename(tracked.home / f"f{number:03}")
    tracked.repro("add", "shrunk")
    for number in range(10, 100):
        (tracked.home / f"f{number:03}").rename(tracked.cwd / f"shrunk/f{number:03}")
    for name in ("again.repro", "again.bin.repro"):
        (tracked.cwd / name).unlink()
    place = Place(tracked.home)
    gc = ["gc", "--delete", "--grace", "1s"]
    time.sleep(1.1)
    points = kill_points(tracked, gc, tmp_path / "strace.log")

    def add() -> None:
        done = tracked.call(*NEVER_FRESH, "add", "again", "again.bin", "shrunk")
        assert done.returncode == 0, done.stderr

    for point in chosen(points, "gc met by add"):
        place.restore()
        time.sleep(1.1)
        try:
            stopped(tracked, [*REPRO, *gc], point, tmp_path / "log", add)
            assert missing_here(Cache(store_of(tracked)), recorded(tracked)) == ()
            nothing_is_lost_here(tracked)
        except BaseException as error:
            error.add_note(f"stopped at {point}")
            raise
