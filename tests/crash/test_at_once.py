"""Several at work at once, for `REPRO_SECONDS`: pushers, adders, who fetches, and a gc beside each. Nothing is lost.

The grace periods are seconds instead of days: longer than any command here takes, which is what makes them safe. So
where the machine is slow, they are longer, or nothing is asked of a command that took longer.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from tests.command_line import REPRO, Person
from tests.crash_points import fill, noise, nothing_is_lost_here, nothing_is_lost_there, recorded, store_of
from tests.crash_slow_clock import NEVER_FRESH

SECONDS = float(os.environ.get("REPRO_SECONDS", "3"))
GRACE = 3.0


@dataclass
class Repeating:
    """A command that is begun again whenever it ends; every answer must be one of those allowed."""

    person: Person
    command: Sequence[str]
    codes: tuple[int, ...] = (0,)
    times: int = 0
    process: subprocess.Popen[str] | None = None
    wrong: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Begin it, if it is not under way."""
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.end()
        self.process = subprocess.Popen(
            self.command,
            cwd=self.person.cwd,
            env=self.person.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> None:
        """Wait for it, and note what went wrong."""
        if self.process is None:
            return
        _, told = self.process.communicate(timeout=120)
        self.times += 1
        if self.process.returncode not in self.codes:
            self.wrong.append(f"{self.process.returncode}: {told}")
        self.process = None


@contextlib.contextmanager
def beside(*commands: Repeating) -> Iterator[None]:
    """Let commands go on as long as the block does."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.02):
            for command in commands:
                command.step()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for command in commands:
            command.end()
    assert [command.wrong for command in commands] == [[] for _ in commands]


def timed(person: Person, command: Sequence[str]) -> float:
    """Run a command, which must end well; how many seconds it took."""
    began = time.monotonic()
    done = person.call(*command)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def test_what_is_added_beside_a_gc_stays(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.repro("init")
    gc = Repeating(ann, [*REPRO, "gc", "--delete", "--grace", f"{GRACE:.0f}s"])
    until = time.monotonic() + SECONDS
    adds = 0
    with beside(gc):
        while time.monotonic() < until or adds < 4:
            for version in (0, 1):  # each becomes garbage, grows old, and is relied upon again
                fill(ann, "many", 70, seed=version)
                ann.write("large.bin", noise(200_000, version))
                ann.write("huge.bin", noise(2_000_000, version))
                took = timed(ann, [*NEVER_FRESH, "add", "many", "large.bin", "huge.bin"])
                adds += 1
                if took < GRACE - 1:
                    assert missing_here(Cache(store_of(ann)), recorded(ann)) == ()
                time.sleep(max(0.0, adds % 3 - 1) * GRACE / 2)
    fill(ann, "many", 70, seed=9)
    ann.repro("add", "many", "large.bin", "huge.bin")
    nothing_is_lost_here(ann)


def test_adders_and_gcs_at_once(ann: Person) -> None:
    ann.git("init", "--quiet")
    for number in range(3):
        fill(ann, f"many{number}", 70, seed=number // 2)
        ann.write(f"large{number}.bin", noise(300_000, number // 2))
    adding = [Repeating(ann, [*REPRO, "add", f"many{number}", f"large{number}.bin"]) for number in range(3)]
    gcs = [Repeating(ann, [*REPRO, "gc", "--delete", "--grace", "1h"]) for _ in range(2)]
    with beside(*adding, *gcs):
        time.sleep(SECONDS)
    nothing_is_lost_here(ann)
    assert len(recorded(ann)) == 6


def clone(ann: Person, number: int) -> Person:
    """Somebody else at another machine, in a clone of Ann's project."""
    home = ann.home.parent / f"clone{number}"
    home.mkdir()
    ann.git("clone", "--quiet", str(ann.cwd), str(home / "project"))
    return Person(home=home, cwd=home / "project", venv=ann.venv)


def test_a_push_beside_a_gc_loses_nothing(tracked: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    push = [*REPRO, "push", "-r", str(far)]
    grace = round(max(GRACE, 4 * timed(tracked, push)))
    gcs = [
        Repeating(clone(tracked, number), [*REPRO, "gc", "-r", str(far), "--delete", "--grace", f"{grace}s"])
        for number in (0, 1)
    ]
    until = time.monotonic() + SECONDS
    pushes = 0
    with beside(*gcs):
        while time.monotonic() < until or pushes < 4:
            for path in (far / "pointers").iterdir():
                path.unlink()  # now all is garbage, is condemned, deleted
            time.sleep(pushes % 4 * grace / 2)
            took = timed(tracked, push)
            pushes += 1
            if took < grace - 1:
                assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2, f"after {pushes} pushes"
    for gc in gcs:
        assert gc.times > 1
    timed(tracked, push)
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
    assert tracked.repro_json("fsck", "-r", str(far))["findings"] == []


def test_pushers_who_fetches_and_a_gc_at_once(tracked: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    grace = round(max(GRACE, 10 * timed(tracked, [*REPRO, "push", "-r", str(far)])))
    people = [clone(tracked, number) for number in range(3)]
    for number, person in enumerate(people):
        fill(person, "own", 70, seed=number // 2)  # two of them have the same
        person.write("own.bin", noise(400_000, number // 2))
        person.repro("add", "own", "own.bin")
    pushing = [Repeating(person, [*REPRO, "push", "-r", str(far)]) for person in people]
    bob = clone(tracked, 9)
    again = 'rm -rf ~/.local/share/repro; exec "$@"'
    fetching = Repeating(bob, ["sh", "-c", again, "sh", *REPRO, "fetch", "-r", str(far)])
    gc = Repeating(tracked, [*REPRO, "gc", "-r", str(far), "--delete", "--grace", f"{grace}s"])
    with beside(*pushing, fetching, gc):
        time.sleep(SECONDS)
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 6
    assert tracked.repro_json("fsck", "-r", str(far))["findings"] == []
