"""A disk that is full in the middle of a command, at several fills: a message, nothing lost, and then it goes on."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import REPRO, Person
from tests.crash_points import chosen, fill, noise

ROOMS = [0, 4, 16, 64, 128, 200, 330, 500, 700, 1000]
"""KiB that are free when a command begins."""

_SCRIPT = """
set -e
mount -t tmpfs -o size=64m none "$small"
cp -a "$kept/." "$small/"
used=$(df -k --output=used "$small" | tail -1)
mount -o remount,size=$((used + room))k "$small"
code() { set +e; eval "$2" >"$out/last.out" 2>&1; echo $? >>"$out/codes"; cat "$out/last.out" >>"$out/said"; set -e; }
code first "$command"
mount -o remount,size=64m "$small"
code check "$check"
code again "$command"
code check "$check"
"""


@dataclass(frozen=True)
class Small:
    """A folder that is a small disk while a command runs, and what is on it before."""

    folder: Path
    kept: Path

    def run(self, person: Person, command: str, check: str, room: int) -> tuple[list[int], str]:
        """Run a command with so much room, look what it left, and do both again with more; codes and all output."""
        out = self.folder.with_name("out")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        words = {"small": self.folder, "kept": self.kept, "out": out, "room": room, "command": command, "check": check}
        script = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in words.items()) + _SCRIPT
        done = person.call(*_unshare(), "bash", "-c", script)
        assert done.returncode == 0, done.stderr
        return [int(code) for code in (out / "codes").read_text().split()], (out / "said").read_text()


def _unshare() -> list[str]:
    return ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    found = Small(tmp_path / "small", tmp_path / "kept")
    found.folder.mkdir()
    found.kept.mkdir()
    probe = subprocess.run([*_unshare(), "mount", "-t", "tmpfs", "none", str(found.folder)], capture_output=True)
    if probe.returncode:
        if os.environ.get("CI") and os.getuid() == 0:
            pytest.fail("unshare or mount does not work here, although this is root")
        pytest.skip("neither root nor user namespaces: no small disk can be mounted")
    return found


def goes_on(small: Small, person: Person, arguments: str, check: str, before: tuple[str, ...] = ()) -> None:
    """With any room, a command succeeds or says that the disk is full; with more it succeeds, and nothing is lost."""
    program = shlex.join(REPRO)
    for room in chosen(ROOMS, arguments[:9]):
        for name in before:
            (person.cwd / name).unlink(missing_ok=True)
        codes, said = small.run(person, f"{program} {arguments}", f"{program} {check}", room)
        first, checked, again, at_last = codes
        shown = f"{room} KiB: {codes}\n{said}"
        assert "Traceback" not in said, shown
        assert first in (0, 3, 5), shown
        assert first == 0 or "No space left" in said, shown
        assert checked in ((0, 1, 3, 5) if first else (0,)), shown
        assert again == at_last == 0, shown


def test_add(crashing: Person, small: Small) -> None:
    person = crashing.having(REPRO_STORE=str(small.folder / "store"))
    goes_on(small, person, "add many large.bin", "fsck", ("many.repro", "large.bin.repro"))


def test_push(tracked: Person, small: Small) -> None:
    goes_on(small, tracked, f"push -r {small.folder}/far", f"fsck -r {small.folder}/far")


def test_fetch(tracked: Person, bob: Person, small: Small, tmp_path: Path) -> None:
    tracked.repro("push", "-r", str(tmp_path / "far"))
    bob.git("clone", "--quiet", str(tracked.cwd), "project")
    person = bob.at(bob.cwd / "project").having(REPRO_STORE=str(small.folder / "store"))
    goes_on(small, person, f"fetch -r {tmp_path}/far", "fsck")


def test_a_project_on_a_full_disk_is_named(crashing: Person, small: Small) -> None:
    shutil.copytree(crashing.cwd, small.kept / "project", symlinks=True)
    (small.kept / "project/new.bin").write_bytes(noise(100_000, 5))
    place = f"-C {small.folder}/project"
    command = f"{shlex.join(REPRO)} {place} snapshot --offline -- true"
    codes, said = small.run(crashing, command, f"git {place} fsck --no-dangling", 8)
    assert codes == [3, 0, 0, 0], said
    assert f"{small.folder}/project/.git/objects: No space left" in said


def _make_garbage(person: Person) -> None:
    """Let a whole pack and most of another be garbage, once the pointer of `gone` is removed."""
    fill(person, "gone", 80, seed=3)
    fill(person, "shrunk", 100, seed=4)
    person.repro("add", "gone")
    person.repro("add", "shrunk")
    for number in range(30, 100):
        (person.cwd / f"shrunk/f{number:03}").unlink()


def test_gc(tracked: Person, small: Small) -> None:
    _make_garbage(tracked)
    tracked.repro("add", "shrunk")
    (tracked.cwd / "gone.repro").unlink()
    shutil.copytree(tracked.home / ".local/share/repro", small.kept / "store", symlinks=True)
    person = tracked.having(REPRO_STORE=str(small.folder / "store"))
    goes_on(small, person, "gc --delete --grace 0", "fsck")


def test_gc_of_a_remote(tracked: Person, small: Small) -> None:
    _make_garbage(tracked)
    far = small.kept / "far"
    tracked.repro("push", "-r", str(far))
    tracked.repro("add", "shrunk")
    tracked.repro("push", "-r", str(far))
    (tracked.cwd / "gone.repro").unlink()
    for pointer in (far / "pointers").iterdir():
        if "path: gone\n" in pointer.read_text():
            pointer.unlink()
    month_ago = time.time() - 30 * 86400
    for path in far.rglob("*"):
        os.utime(path, (month_ago, month_ago))
    goes_on(small, tracked, f"gc -r {small.folder}/far --delete --grace 0", f"fsck -r {small.folder}/far")


def test_a_disk_without_room_still_lets_go_of_what_is_garbage(tracked: Person, small: Small) -> None:
    tracked.write("gone.bin", noise(400_000, 7))
    tracked.repro("add", "gone.bin")
    (tracked.cwd / "gone.bin.repro").unlink()
    shutil.copytree(tracked.home / ".local/share/repro", small.kept / "store", symlinks=True)
    person = tracked.having(REPRO_STORE=str(small.folder / "store"))
    program = shlex.join(REPRO)
    codes, said = small.run(person, f"{program} gc --delete --grace 0", f"{program} fsck", 0)
    assert codes == [0, 0, 0, 0], said
