"""SIGKILL before each change that a command makes to names: nothing is lost, and the command's repetition completes it.

`REPRO_SEEDS` says how many of the instants are tried; a large number tries each.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.crash_points import (
    Place,
    chosen,
    files_below,
    fill,
    gc_answer,
    kill_points,
    noise,
    nothing_is_lost_here,
    nothing_is_lost_there,
    recorded,
    run_killed,
    store_of,
)
from tests.remote_servers import SftpServer, aws_variables


def killed_everywhere(person: Person, arguments: Sequence[str], places: Sequence[Place]) -> None:
    """Kill a command at its instants, repeat it, and compare the work tree with that of one that ended well."""
    points = kill_points(person, arguments, person.home / "strace.log")
    expected = files_below(person.cwd)
    wanted = recorded(person)
    for point in chosen(points, arguments[0]):
        for place in places:
            place.restore()
        run_killed(person, arguments, point)
        try:
            nothing_is_lost_here(person)
            person.repro(*arguments)
            nothing_is_lost_here(person)
            assert files_below(person.cwd) == expected
            assert recorded(person) == wanted
        except BaseException as error:
            error.add_note(f"killed at {point}")
            raise


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_add(crashing: Person, link: str) -> None:
    (crashing.cwd / "repro.yaml").write_text(f"link: {link}\n")
    killed_everywhere(crashing, ["add", "many", "large.bin"], [Place(crashing.home)])


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_checkout(tracked: Person, link: str) -> None:
    (tracked.cwd / "repro.yaml").write_text(f"link: {link}\n")
    shutil.rmtree(tracked.cwd / "many")
    (tracked.cwd / "large.bin").unlink()
    killed_everywhere(tracked, ["checkout"], [Place(tracked.home)])


def test_checkout_of_another_version(tracked: Person) -> None:
    fill(tracked, "many", 5, seed=2)
    (tracked.cwd / "many/f079").unlink()
    tracked.write("many/sub/more", "more")
    tracked.write("large.bin", noise(300_000, 2))
    tracked.repro("add", "many", "large.bin")
    tracked.git("checkout", "--quiet", "many.repro", "large.bin.repro")
    killed_everywhere(tracked, ["checkout"], [Place(tracked.home)])


def test_fetch(tracked: Person, bob: Person, tmp_path: Path) -> None:
    tracked.repro("push", "-r", str(tmp_path / "far"))
    bob.git("clone", "--quiet", str(tracked.cwd), "project")
    bob = bob.at(bob.cwd / "project")
    place = Place(bob.home)
    fetch = ["fetch", "-r", str(tmp_path / "far")]
    points = kill_points(bob, fetch, tmp_path / "strace.log")
    for point in chosen(points, "fetch"):
        place.restore()
        run_killed(bob, fetch, point)
        kinds = {finding["kind"] for finding in bob.repro_json("fsck", expect=None)["findings"]}
        assert kinds <= {"missing-object", "unindexed-pack"}, point
        bob.repro(*fetch)
        nothing_is_lost_here(bob)
        bob.repro("checkout")
        assert files_below(bob.cwd / "many") == files_below(tracked.cwd / "many"), point


def test_run(project: Person) -> None:
    place = Place(project.home)
    run = ["run", "--", "python", "train.py"]
    points = kill_points(project, run, project.home / "strace.log")
    for point in chosen(points, "run"):
        place.restore()
        run_killed(project, run, point)
        nothing_is_lost_here(project)
        done = project.repro(*run, expect=None)
        assert done.returncode == 0, (point, done.stderr)
        nothing_is_lost_here(project)
        assert project.repro("verify", "@last").returncode == 0


def garbage_here(person: Person) -> None:
    """Let a file, a whole pack and most of another pack be garbage, all of it old."""
    fill(person, "gone", 80, seed=3)
    fill(person, "shrunk", 100, seed=4)
    person.write("gone.bin", noise(600_000, 3))
    person.repro("add", "gone", "gone.bin")
    person.repro("add", "shrunk")
    for number in range(10, 100):
        (person.cwd / f"shrunk/f{number:03}").unlink()
    person.repro("add", "shrunk")
    for name in ("gone.repro", "gone.bin.repro"):
        (person.cwd / name).unlink()


def test_gc(tracked: Person) -> None:
    garbage_here(tracked)
    place = Place(tracked.home)
    points = kill_points(tracked, ["gc", "--delete", "--grace", "0"], tracked.home / "strace.log")
    left = sorted(os.listdir(f"{store_of(tracked)}/packs"))
    for point in chosen(points, "gc"):
        place.restore()
        run_killed(tracked, ["gc", "--delete", "--grace", "0"], point)
        nothing_is_lost_here(tracked)
        gc_answer(tracked, "--grace", "0")
        nothing_is_lost_here(tracked)
        indexed = set(os.listdir(f"{store_of(tracked)}/packs"))
        assert len(indexed) <= len(left) + 1, point  # what was written again and not named stays until `fsck --repair`
        assert gc_answer(tracked, "--grace", "0")["deletable_bytes"] == 0, point


def test_push_to_a_directory(tracked: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    _push_killed(tracked, lambda number: str(far), lambda number: str(far), tmp_path, lambda: shutil.rmtree(far, True))


def test_push_to_a_bucket(tracked: Person, bucket_url: str, tmp_path: Path) -> None:
    def url(number: int) -> str:
        return bucket_url.replace("NUMBER", str(number))

    _push_killed(tracked.having(**aws_variables(tracked.home)), url, url, tmp_path, lambda: None, ("sendto",))


def test_push_to_a_server(tracked: Person, sftp: SftpServer, tmp_path: Path) -> None:
    sftp.let_in(tracked.home)
    _push_killed(
        tracked,
        lambda number: f"ssh://ann@127.0.0.1:{sftp.port}{tmp_path}/far{number}",
        lambda number: str(tmp_path / f"far{number}"),
        tmp_path,
        lambda: None,
        ("sendto",),
    )


def test_a_push_that_sends_nothing_ends_what_was_killed_before_the_list_of_indexes(
    tracked: Person, tmp_path: Path
) -> None:
    far = tmp_path / "far"
    tracked.repro("push", "-r", str(far))
    whole = (far / "index-list").read_bytes()
    (far / "index-list").unlink()
    tracked.repro("push", "-r", str(far))
    assert (far / "index-list").read_bytes() == whole


def _push_killed(
    person: Person,
    url: Callable[[int], str],
    seen_as: Callable[[int], str],
    tmp_path: Path,
    clear: Callable[[], None],
    more: Sequence[str] = (),
) -> None:
    here = Place(person.home)
    points = kill_points(person, ["push", "-r", url(0)], tmp_path / "strace.log", more)
    records = nothing_is_lost_there(seen_as(0), tmp_path / "empty")
    assert records == 2
    for number, point in enumerate(chosen(points, f"push {url(0)[:3]}"), start=1):
        here.restore()
        clear()
        push = ["push", "-r", url(number)]
        run_killed(person, push, point)
        try:
            if person.repro("fsck", "-r", url(number), expect=None).returncode != 5:  # the remote was begun
                nothing_is_lost_there(seen_as(number), tmp_path / "empty")
            person.repro(*push)
            assert nothing_is_lost_there(seen_as(number), tmp_path / "empty") == records
            assert person.repro_json("fsck", "-r", url(number))["findings"] == []
        except BaseException as error:
            error.add_note(f"killed at {point}")
            raise


@pytest.mark.parametrize("stage", ["condemn", "delete", "both"])
def test_gc_of_a_remote(tracked: Person, tmp_path: Path, stage: str) -> None:
    far = tmp_path / "far"
    tracked.repro("remote", "add", "store", str(far))
    garbage_here(tracked)
    for name in ("gone", "gone.bin"):
        tracked.repro("add", name)
    tracked.repro("push")
    fill(tracked, "shrunk", 95, seed=5)
    tracked.repro("add", "shrunk")
    tracked.repro("push")
    for pointer in (far / "pointers").iterdir():
        if any(f"path: {name}\n" in pointer.read_text() for name in ("gone", "gone.bin")):
            pointer.unlink()
    for name in ("gone", "gone.bin"):
        (tracked.cwd / f"{name}.repro").unlink()
    _age(far, 20)
    gc = ["gc", "--delete", "-r", "store"] + (["--grace", "0"] if stage == "both" else [])
    if stage == "delete":
        tracked.repro(*gc)
        _age(far, 20)
    places = [Place(tracked.home), Place(far)]
    points = kill_points(tracked, gc, tmp_path / "strace.log")
    records = nothing_is_lost_there(str(far), tmp_path / "empty")
    for point in chosen(points, f"gc far {stage}"):
        for place in places:
            place.restore()
        run_killed(tracked, gc, point)
        try:
            assert nothing_is_lost_there(str(far), tmp_path / "empty") == records
            nothing_is_lost_here(tracked)
            for _ in range(3):
                tracked.repro(*gc)
                assert nothing_is_lost_there(str(far), tmp_path / "empty") == records
                _age(far, 20)
            assert list((far / "condemned").iterdir()) == []
            assert gc_answer(tracked, "-r", "store")["garbage_bytes"] < 20_000
            assert tracked.repro_json("fsck", "-r", "store")["findings"] == []
        except BaseException as error:
            error.add_note(f"killed at {point}")
            raise


def _age(far: Path, days: float) -> None:
    """Let everything on a remote be as old as that."""
    moment = time.time() - days * 86400
    for path in far.rglob("*"):
        os.utime(path, (moment, moment))
