"""`repro gc --remote`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.command_line import Person

DAY = 86400


@pytest.fixture
def remote(tmp_path: Path, project: Person) -> Path:
    """A directory that is the project's default remote."""
    folder = tmp_path / "remote"
    project.repro("remote", "add", "store", str(folder))
    return folder


def fill(person: Person, folder: str, files: int, seed: int = 0) -> None:
    for number in range(files):
        person.write(f"{folder}/f{number:04}", f"{seed} {number} ".encode() * 300)


def packs(remote: Path) -> set[str]:
    return {path.name for path in (remote / "packs").iterdir()}


def condemned(remote: Path) -> set[str]:
    """The names of the packs that are condemned."""
    names = [line for path in (remote / "condemned").iterdir() for line in path.read_text().splitlines()[1:]]
    return {name.removeprefix("packs/") for name in names}


def age(remote: Path, days: float) -> None:
    """Let everything on the remote be as old as that."""
    moment = time.time() - days * DAY
    for path in remote.rglob("*"):
        os.utime(path, (moment, moment))


def gc(person: Person, *arguments: str, expect: int = 0) -> dict[str, int]:
    answer = person.repro_json("gc", "--remote", "store", *arguments, expect=expect)
    assert isinstance(answer, dict)
    return answer


def forget(person: Person, remote: Path, name: str) -> None:
    """Let nothing name some tracked data any more, neither here nor there."""
    (person.cwd / f"{name}.repro").unlink()
    for pointer in (remote / "pointers").iterdir():
        if f"path: {name}\n" in pointer.read_text():
            pointer.unlink()


def test_what_is_needed_on_a_remote_stays(project: Person, remote: Path) -> None:
    fill(project, "many", 200)
    project.write("large.bin", os.urandom(3_000_000))
    project.repro("add", "many", "large.bin")
    project.repro("run", "--", "python", "train.py")
    project.repro("push")
    age(remote, 100)
    before = packs(remote)
    done = gc(project, "--delete")
    assert done["garbage_bytes"] == done["condemned_bytes"] == done["deleted_bytes"] == 0
    assert packs(remote) == before


def test_what_another_clone_pushed_stays_without_its_project(project: Person, remote: Path, bob: Person) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    age(remote, 100)
    bob.git("init", "-q")
    done = bob.repro_json("gc", "--remote", str(remote), "--delete")
    assert done["garbage_bytes"] == 0


def test_garbage_is_condemned_first_and_deleted_a_grace_period_later(project: Person, remote: Path) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    forget(project, remote, "many")
    assert gc(project, "--delete")["deletable_bytes"] == 0  # too young
    age(remote, 20)
    shown = gc(project)
    assert shown["deletable_bytes"] > 0
    assert not list((remote / "condemned").glob("*"))
    first = gc(project, "--delete")
    assert first["condemned_bytes"] > 0
    assert first["deleted_bytes"] == 0
    doomed = condemned(remote)
    again = gc(project, "--delete")
    assert again["condemned_bytes"] > 0
    assert again["deleted_bytes"] == 0
    assert packs(remote) >= doomed == condemned(remote) != set()
    age(remote, 20)
    done = gc(project, "--delete")
    assert done["deleted_bytes"] > 0
    assert not packs(remote) & doomed
    assert not list((remote / "condemned").glob("*"))
    assert project.repro("fsck", "--remote", "store").returncode == 0
    assert gc(project)["garbage_bytes"] == 0


def test_a_push_does_not_rely_on_what_is_condemned(project: Person, remote: Path, bob: Person) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    pointer = (project.cwd / "many.repro").read_bytes()
    forget(project, remote, "many")
    age(remote, 20)
    gc(project, "--delete")
    (project.cwd / "many.repro").write_bytes(pointer)
    project.repro("push")
    age(remote, 20)
    gc(project, "--delete")
    assert not list((remote / "condemned").glob("*"))
    bob.git("init", "-q")
    bob.write("many.repro", pointer)
    bob.repro("remote", "add", "store", str(remote))
    bob.repro("pull")
    assert (bob.cwd / "many/f0007").read_bytes() == b"0 7 " * 300


def test_what_is_needed_again_after_it_was_condemned_is_saved_before_its_pack_goes(
    project: Person, remote: Path, bob: Person
) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    pointer = (project.cwd / "many.repro").read_bytes()
    [record] = [path for path in (remote / "pointers").iterdir() if "path: many\n" in path.read_text()]
    kept = record.read_bytes()
    forget(project, remote, "many")
    age(remote, 20)
    gc(project, "--delete")
    doomed = condemned(remote)
    record.write_bytes(kept)  # the last step of a push that had looked before the pack was condemned
    age(remote, 20)
    gc(project, "--delete")
    assert doomed
    assert not packs(remote) & doomed
    bob.git("init", "-q")
    bob.write("many.repro", pointer)
    bob.repro("remote", "add", "store", str(remote))
    bob.repro("pull")
    assert (bob.cwd / "many/f0199").read_bytes() == b"0 199 " * 300


def test_a_pack_that_is_mostly_garbage_is_written_again(project: Person, remote: Path, bob: Person) -> None:
    fill(project, "many", 300)
    project.repro("add", "many")
    project.repro("push")
    for number in range(20, 300):
        (project.cwd / f"many/f{number:04}").unlink()
    forget(project, remote, "many")
    project.repro("add", "many")
    project.repro("push")
    age(remote, 20)
    gc(project, "--delete")
    age(remote, 20)
    done = gc(project, "--delete")
    assert done["deleted_bytes"] > 0
    bob.git("init", "-q")
    bob.write("many.repro", (project.cwd / "many.repro").read_bytes())
    bob.repro("remote", "add", "store", str(remote))
    bob.repro("pull")
    assert len(list((bob.cwd / "many").iterdir())) == 20
    assert bob.repro("fsck", "--remote", "store").returncode == 0


def test_packs_of_a_push_that_was_killed_go_unless_something_is_missing(project: Person, remote: Path) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    indexes = list((remote / "indexes").iterdir())
    forget(project, remote, "many")
    kept = {path: path.read_bytes() for path in indexes}
    for path in indexes:
        path.unlink()
    age(remote, 20)
    refused = project.repro("gc", "--remote", "store", "--delete", expect=None)
    assert packs(remote)  # `data` is needed and in no index: what no index names may be it
    assert refused.returncode in (0, 3)
    for path, data in kept.items():
        path.write_bytes(data)


def test_what_killed_pushes_left_beside_goes_when_it_is_old(project: Person, remote: Path) -> None:
    project.repro("push")
    (remote / "packs/.repro-tmp-1").write_bytes(b"half of a pack")
    (remote / ".repro-tmp-workshop").mkdir(exist_ok=True)
    (remote / ".repro-tmp-workshop/two").write_bytes(b"another")
    assert gc(project, "--delete")["deletable_bytes"] == 0
    age(remote, 20)
    assert gc(project)["deletable_bytes"] == 21
    assert gc(project, "--delete")["deleted_bytes"] == 21
    assert not [path for path in remote.rglob("*") if path.is_file() and "tmp" in str(path.relative_to(remote))]
    assert project.repro("fsck", "--remote", "store").returncode == 0


def test_the_remotes_clock_counts(project: Person, remote: Path) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    forget(project, remote, "many")
    age(remote, -1000)  # a clock that was years ahead
    assert gc(project, "--delete")["deletable_bytes"] == 0


def test_a_damaged_condemned_file_stops_a_gc(project: Person, remote: Path) -> None:
    project.repro("push")
    (remote / "condemned").mkdir()
    (remote / "condemned" / "x").write_bytes(b"repro-condemned 9\npacks/1\n")
    refused = project.repro("gc", "--remote", "store", "--delete", expect=None)
    assert refused.returncode in (3, 4)
    assert "condemned" in refused.stderr


def test_nothing_is_condemned_while_a_record_of_the_remote_cannot_be_read(project: Person, remote: Path) -> None:
    fill(project, "many", 200)
    project.repro("add", "many")
    project.repro("push")
    [pointer] = [path for path in (remote / "pointers").iterdir() if "path: many\n" in path.read_text()]
    pointer.chmod(0o644)
    pointer.write_text("nonsense\n")
    (project.cwd / "many.repro").unlink()
    age(remote, 20)
    refused = project.repro_json("gc", "--remote", "store", "--delete", expect=3)
    assert refused["error"]["id"] == "unread-record"
    assert not list((remote / "condemned").glob("*"))
