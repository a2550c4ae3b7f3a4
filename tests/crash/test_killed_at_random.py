"""SIGKILL after a random time: an add, a fetch, a gc and a push, in `REPRO_SEEDS` trials of each.

`test_killed_at_each_step.py` kills before each change of a name; here the instant may be in the middle of a write too.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.command_line import REPRO, Person
from tests.crash_points import SEEDS, Place, files_below, fill, noise, nothing_is_lost_here, nothing_is_lost_there


def _killed(person: Person, arguments: Sequence[str], seconds: float) -> None:
    """Run a command, and kill it after a time, if it has not ended by then."""
    with subprocess.Popen(
        [*REPRO, *arguments],
        cwd=person.cwd,
        env=person.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)


def _trials(
    person: Person, arguments: Sequence[str], places: Sequence[Place], afterwards: Callable[[], None], seed: str
) -> None:
    """Kill a command after random parts of the time that it takes, and see what is then."""
    began = time.monotonic()
    person.repro(*arguments)
    whole = time.monotonic() - began
    for number in range(SEEDS):
        for place in places:
            place.restore()
        seconds = random.Random(f"{seed} {number}").uniform(0.1, 1) * whole
        _killed(person, arguments, seconds)
        try:
            afterwards()
        except BaseException as error:
            error.add_note(f"{seed} {number}: killed after {seconds:.3f} s of {whole:.3f}")
            raise


@pytest.fixture
def much(crashing: Person) -> Person:
    """Ann, with so much that it takes a while."""
    fill(crashing, "many", 600)
    crashing.write("large.bin", noise(12_000_000, 1))
    return crashing


def test_an_add(much: Person) -> None:
    place = Place(much.home)

    def afterwards() -> None:
        nothing_is_lost_here(much)
        much.repro("add", "many", "large.bin")
        nothing_is_lost_here(much)
        shutil.rmtree(much.cwd / "many")
        (much.cwd / "large.bin").unlink()
        much.repro("checkout")
        assert (much.cwd / "large.bin").read_bytes() == noise(12_000_000, 1)
        assert len(list((much.cwd / "many").iterdir())) == 600

    _trials(much, ["add", "many", "large.bin"], [place], afterwards, "add")


def test_a_push_and_a_fetch(much: Person, bob: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    much.repro("add", "many", "large.bin")
    much.git("add", "--all")
    much.git("commit", "--quiet", "--message", "data")
    push = ["push", "-r", str(far)]
    far.mkdir()

    def pushed() -> None:
        if much.repro("fsck", "-r", str(far), expect=None).returncode != 5:  # the remote was begun
            nothing_is_lost_there(str(far), tmp_path / "empty")
        much.repro(*push)
        assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
        assert much.repro_json("fsck", "-r", str(far))["findings"] == []

    _trials(much, push, [Place(far)], pushed, "push")

    bob.git("clone", "--quiet", str(much.cwd), "project")
    there = bob.at(bob.cwd / "project")
    fetch = ["fetch", "-r", str(far)]

    def fetched() -> None:
        kinds = {finding["kind"] for finding in there.repro_json("fsck", expect=None)["findings"]}
        assert kinds <= {"missing-object", "unindexed-pack"}
        there.repro(*fetch)
        nothing_is_lost_here(there)
        there.repro("checkout")
        assert files_below(there.cwd / "many") == files_below(much.cwd / "many")

    _trials(there, fetch, [Place(there.home)], fetched, "fetch")


def test_a_gc_here_and_far(much: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    much.repro("add", "many", "large.bin")
    much.repro("push", "-r", str(far))
    for number in range(100, 600):
        (much.cwd / f"many/f{number:03}").unlink()
    much.repro("add", "many")
    (much.cwd / "large.bin.repro").unlink()
    for pointer in (far / "pointers").iterdir():
        pointer.unlink()
    much.repro("push", "-r", str(far))
    places = [Place(much.home), Place(far)]

    def afterwards() -> None:
        nothing_is_lost_here(much)
        assert nothing_is_lost_there(str(far), tmp_path / "empty") == 1
        for where in ([], ["-r", str(far)], ["-r", str(far)]):
            much.repro("gc", *where, "--delete", "--grace", "0")
        nothing_is_lost_here(much)
        assert nothing_is_lost_there(str(far), tmp_path / "empty") == 1
        assert much.repro_json("gc", "-r", str(far))["deletable_bytes"] == 0
        assert much.repro_json("fsck", "-r", str(far))["findings"] == []

    for where in ([], ["-r", str(far)]):
        _trials(much, ["gc", *where, "--delete", "--grace", "0"], places, afterwards, f"gc {where[:1]}")
