"""A store that is read-only, remotes that vanish or may not be written to, clocks that jump: nothing is lost."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.command_line import REPRO, Person
from tests.crash_points import fill, gc_answer, noise, nothing_is_lost_here, nothing_is_lost_there, store_of
from tests.remote_servers import aws_variables, make_bucket, s3_server

YEARS = 10 * 365 * 86400.0


def set_times(folder: Path, moment: float) -> None:
    """Give everything below a folder one time of change."""
    for path in folder.rglob("*"):
        os.utime(path, (moment, moment), follow_symlinks=False)


def read_only(person: Person, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run repro where a folder is mounted read-only."""
    flags = ["-m"] if os.getuid() == 0 else ["-Urm"]
    script = (
        f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} || exit 99; exec {shlex.join(REPRO)} "
    )
    done = person.call("unshare", *flags, "sh", "-c", script + shlex.join(arguments))
    if done.returncode in (1, 99) and "repro: " not in done.stderr:
        if os.environ.get("CI") and os.getuid() == 0:
            pytest.fail(f"unshare or mount does not work here, although this is root: {done.stderr}")
        pytest.skip("neither root nor user namespaces: nothing can be mounted")
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize("command", ["add many", "gc --delete --grace 0", "fetch", "pull", "fsck --repair"])
def test_a_read_only_store_is_refused_or_read_and_then_it_goes_on(
    tracked: Person, tmp_path: Path, command: str
) -> None:
    tracked.repro("remote", "add", "store", str(tmp_path / "far"))
    tracked.repro("push")
    if command.startswith(("add", "gc")):
        fill(tracked, "many", 70, seed=8)
    if command.startswith("gc"):
        tracked.repro("add", "many")
    if command in ("fetch", "pull"):
        shutil.rmtree(Path(store_of(tracked)) / "packs")
        (tracked.cwd / "many/f001").unlink()
    done = read_only(tracked, store_of(tracked), *command.split())
    assert done.returncode in (0, 3), done.stderr
    if not command.startswith("fsck"):
        assert "Read-only file system" in done.stderr, done.stderr
    tracked.repro(*command.split())
    tracked.repro("checkout", "--force")
    nothing_is_lost_here(tracked)


def test_what_a_read_only_store_has_can_be_used(tracked: Person, tmp_path: Path) -> None:
    shutil.rmtree(tracked.cwd / "many")
    for command in ("checkout", "status", "fsck", "gc"):
        done = read_only(tracked, store_of(tracked), command)
        assert done.returncode == 0, (command, done.stderr)
    assert len(os.listdir(tracked.cwd / "many")) == 80
    assert read_only(tracked, store_of(tracked), "push", "-r", str(tmp_path / "far")).returncode in (0, 3)


def test_a_remote_that_may_not_be_written_to_keeps_what_it_has(tracked: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    tracked.repro("push", "-r", str(far))
    fill(tracked, "many", 40, seed=8)
    tracked.repro("add", "many")
    for command in ("push", "gc --delete --grace 0"):
        done = read_only(tracked, str(far), *command.split(), "-r", str(far))
        assert done.returncode == 5, (command, done.stderr)
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
    assert read_only(tracked, str(far), "fetch", "-r", str(far)).returncode in (0, 3)
    assert read_only(tracked, str(far), "fsck", "-r", str(far)).returncode == 0
    tracked.repro("push", "-r", str(far))
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 3


@pytest.mark.parametrize("command", ["push", "fetch", "fsck", "gc --delete --grace 0"])
def test_a_directory_that_was_moved_away_is_no_empty_remote(tracked: Person, tmp_path: Path, command: str) -> None:
    far = tmp_path / "far"
    tracked.repro("push", "-r", str(far))
    if command == "fetch":
        shutil.rmtree(store_of(tracked))
    far.rename(tmp_path / "moved")
    done = tracked.repro(*command.split(), "-r", str(far), expect=None)
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if command == "push" else 5), done.stderr
    if command == "push":  # a new remote, which is whole
        assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
        shutil.rmtree(far)
    (tmp_path / "moved").rename(far)
    tracked.repro(*command.split(), "-r", str(far))
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
    nothing_is_lost_here(tracked)


def test_a_server_that_dies_in_the_middle_of_a_push(tracked: Person, tmp_path: Path) -> None:
    tracked.write("large.bin", noise(8_000_000, 5))
    tracked.repro("add", "large.bin")
    person = tracked.having(**aws_variables(tracked.home))
    with s3_server(tmp_path) as port:
        url = f"s3://{make_bucket(port, 'bucket')}/at?endpoint=http://127.0.0.1:{port}"
        command = [*REPRO, "push", "-j", "1", "-r", url]
        pushing = subprocess.Popen(
            command, cwd=person.cwd, env=person.environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        time.sleep(0.6)
    _, told = pushing.communicate(timeout=120)
    assert pushing.returncode in (0, 5)
    assert "Traceback" not in told
    nothing_is_lost_here(tracked)


@pytest.mark.parametrize("offset", [YEARS, -YEARS], ids=["ahead", "behind"])
def test_a_store_whose_times_are_wrong_by_years(tracked: Person, offset: float) -> None:
    """What was just stored is young, whatever time its file has: its inode's own change tells."""
    fill(tracked, "gone", 80, seed=3)
    tracked.repro("add", "gone")
    (tracked.cwd / "gone.repro").unlink()
    set_times(Path(store_of(tracked)), time.time() + offset)
    assert gc_answer(tracked)["deletable_bytes"] == 0
    nothing_is_lost_here(tracked)
    tracked.repro("add", "gone")
    nothing_is_lost_here(tracked)


@pytest.mark.parametrize("offset", [YEARS, -YEARS], ids=["ahead", "behind"])
def test_a_remote_whose_clock_was_wrong_by_years(tracked: Person, tmp_path: Path, offset: float) -> None:
    """Files from the future are kept; of those that seem old, what is needed stays."""
    far = tmp_path / "far"
    tracked.repro("push", "-r", str(far))
    fill(tracked, "gone", 80, seed=3)
    tracked.repro("add", "gone")
    tracked.repro("push", "-r", str(far))
    for pointer in (far / "pointers").iterdir():
        if "path: gone\n" in pointer.read_text():
            pointer.unlink()
    (tracked.cwd / "gone.repro").unlink()
    set_times(far, time.time() + offset)
    packs = set(os.listdir(far / "packs"))
    for _ in range(2):
        answer = gc_answer(tracked, "-r", str(far))
        assert answer["deleted_bytes"] == 0
        assert set(os.listdir(far / "packs")) == packs
    set_times(far / "condemned" if offset < 0 else far, time.time() + offset)
    gc_answer(tracked, "-r", str(far))
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 2
    tracked.repro("add", "gone")
    tracked.repro("push", "-r", str(far))
    assert nothing_is_lost_there(str(far), tmp_path / "empty") == 3


def test_a_mark_of_use_counts_though_the_clock_was_set_back(tracked: Person) -> None:
    """`used/` says that somebody began to use a file while a gc looked at it; by a clock that has been set back."""
    from repro.store.cache.discard import discard, object_files_of

    store = store_of(tracked)
    [file] = object_files_of(store)
    mark = Path(store, "used", file.name)
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    os.utime(mark, (1, 1))
    assert not discard(store, file)
    nothing_is_lost_here(tracked)


def test_what_a_killed_gc_had_in_hand_and_was_in_use_is_put_back_by_who_writes_next(tracked: Person) -> None:
    store = Path(store_of(tracked))
    [pack] = (store / "packs").iterdir()
    (store / "condemned/packs").mkdir(parents=True, exist_ok=True)
    pack.rename(store / "condemned/packs" / pack.name)
    fill(tracked, "other", 80, seed=5)
    tracked.repro("add", "other")
    nothing_is_lost_here(tracked)


def test_a_gc_finds_its_file_taken_back_by_another(tracked: Person) -> None:
    from repro.store.cache.discard import discard, object_files_of

    store = store_of(tracked)
    [file] = object_files_of(store)
    os.rename(file.path, f"{file.path}-elsewhere")
    assert not discard(store, file)
    os.rename(f"{file.path}-elsewhere", file.path)
    nothing_is_lost_here(tracked)
