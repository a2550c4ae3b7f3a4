"""`repro gc` of the store on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.command_line import Person

LARGE = 200_000  # bytes: a file of its own in the store


def store_of(person: Person) -> Path:
    return person.home / ".local" / "share" / "repro"


def stored_bytes(person: Person) -> int:
    return sum(
        path.stat().st_size
        for folder in ("objects", "packs")
        for path in (store_of(person) / folder).rglob("*")
        if path.is_file()
    )


def fill(person: Person, folder: str, files: int, seed: int = 0) -> None:
    for number in range(files):
        person.write(f"{folder}/f{number:04}", f"{seed} {number} ".encode() * 300)


def test_what_a_pointer_or_a_manifest_needs_is_never_garbage(project: Person) -> None:
    fill(project, "many", 300)
    project.write("large.bin", os.urandom(LARGE))
    project.repro("add", "many", "large.bin")
    project.repro("run", "--", "python", "train.py")
    before = stored_bytes(project)
    found = project.repro_json("gc", "--delete", "--grace", "0")
    assert found["garbage_bytes"] == found["deleted_bytes"] == 0
    assert stored_bytes(project) == before
    assert project.repro("verify", "@last").returncode == 0
    shutil.rmtree(project.cwd / "many")
    project.repro("checkout", "many")
    assert len(list((project.cwd / "many").iterdir())) == 300


def test_what_nothing_needs_goes_when_it_is_older_than_the_grace_period(project: Person) -> None:
    fill(project, "many", 300)
    project.write("large.bin", os.urandom(LARGE))
    project.repro("add", "many", "large.bin")
    (project.cwd / "many.repro").unlink()
    (project.cwd / "large.bin.repro").unlink()
    full = stored_bytes(project)
    young = project.repro_json("gc", "--delete")
    assert young["garbage_bytes"] > LARGE
    assert young["deletable_bytes"] == young["deleted_bytes"] == 0
    shown = project.repro_json("gc", "--grace", "0")
    assert shown["deletable_bytes"] == shown["garbage_bytes"]
    assert stored_bytes(project) == full  # it shows first
    done = project.repro_json("gc", "--grace", "0", "--delete")
    assert done["deleted_bytes"] == shown["deletable_bytes"] == full - stored_bytes(project)
    assert project.repro_json("gc", "--grace", "0", "--delete")["garbage_bytes"] == 0
    assert project.repro("fsck").returncode == 0


def test_an_old_file_that_was_just_linked_into_the_store_is_young(project: Person) -> None:
    project.write("repro.yaml", "link: [hardlink]\n")
    project.write("large.bin", os.urandom(LARGE))
    os.utime(project.cwd / "large.bin", (1_000_000_000, 1_000_000_000))
    project.repro("add", "large.bin")
    assert (project.cwd / "large.bin").stat().st_nlink == 2
    (project.cwd / "large.bin.repro").unlink()
    assert project.repro_json("gc", "--delete")["deletable_bytes"] == 0


def test_a_pack_that_is_mostly_garbage_is_written_again_without_it(project: Person) -> None:
    fill(project, "many", 300)
    project.repro("add", "many")
    for number in range(10, 300):
        (project.cwd / f"many/f{number:04}").unlink()
    project.repro("add", "many")
    before = stored_bytes(project)
    young = project.repro_json("gc", "--delete")
    assert young["garbage_bytes"] > 0
    assert young["deletable_bytes"] == young["deleted_bytes"] == 0
    assert stored_bytes(project) == before
    done = project.repro_json("gc", "--grace", "0", "--delete")
    assert done["deleted_bytes"] > 0
    assert stored_bytes(project) <= before - done["deleted_bytes"]
    assert len(list((store_of(project) / "indexes").iterdir())) == 1
    shutil.rmtree(project.cwd / "many")
    project.repro("checkout", "many")
    assert (project.cwd / "many/f0007").read_bytes() == b"0 7 " * 300
    assert project.repro("fsck").returncode == 0


def test_data_of_another_branch_a_stash_and_an_earlier_commit_stays(project: Person) -> None:
    project.git("checkout", "-q", "-b", "side")
    fill(project, "branch", 80, seed=1)
    project.repro("add", "branch")
    project.git("add", "--all")
    project.git("commit", "-qm", "side")
    project.git("checkout", "-q", "main")
    fill(project, "earlier", 80, seed=2)
    project.repro("add", "earlier")
    project.git("add", "--all")
    project.git("commit", "-qm", "earlier")
    project.git("rm", "-q", "earlier.repro")
    project.git("commit", "-qm", "later")
    fill(project, "stashed", 80, seed=3)
    project.repro("add", "stashed")
    project.git("add", "--all")
    project.git("stash", "-q")
    done = project.repro_json("gc", "--grace", "0", "--delete")
    assert done["deleted_bytes"] == 0


def test_another_projects_data_stays(project: Person) -> None:
    other = project.at(project.home / "other")
    other.cwd.mkdir()
    other.git("init", "-q")
    fill(other, "theirs", 100)
    other.repro("add", "theirs")
    done = project.repro_json("gc", "--grace", "0", "--delete")
    assert done["deleted_bytes"] == 0
    assert sorted(done["projects"]) == sorted([str(project.cwd), str(other.cwd)])


def test_nothing_is_deleted_while_a_project_cannot_be_found(project: Person) -> None:
    other = project.at(project.home / "other")
    other.cwd.mkdir()
    other.git("init", "-q")
    fill(other, "theirs", 100)
    other.repro("add", "theirs")
    other.cwd.rename(project.home / "moved")
    assert "project-gone" in project.repro("gc", "--grace", "0").stderr
    refused = project.repro("gc", "--grace", "0", "--delete", expect=3)
    assert str(other.cwd) in refused.stderr
    assert "--forget-gone" in refused.stderr
    moved = project.at(project.home / "moved")
    moved.repro("add", "theirs")  # it is known again
    done = project.repro_json("gc", "--grace", "0", "--delete", "--forget-gone")
    assert done["deleted_bytes"] == 0
    shutil.rmtree(moved.cwd)
    done = project.repro_json("gc", "--grace", "0", "--delete", "--forget-gone")
    assert done["deleted_bytes"] > 0


def test_nothing_is_deleted_while_a_record_cannot_be_read(project: Person) -> None:
    fill(project, "many", 80)
    project.repro("add", "many")
    pointer = project.cwd / "many.repro"
    good = pointer.read_bytes()
    pointer.write_bytes(b"<<<<<<< HEAD\n" + good)
    refused = project.repro("gc", "--grace", "0", "--delete", expect=3)
    assert "many.repro" in refused.stderr
    pointer.write_bytes(good)
    assert project.repro_json("gc", "--grace", "0", "--delete")["deleted_bytes"] == 0


def test_a_broken_pointer_of_the_past_is_told_and_in_nobodys_way(project: Person) -> None:
    project.write("old.repro", "no pointer\n")
    project.git("add", "--all")
    project.git("commit", "-qm", "broken")
    project.git("rm", "-q", "old.repro")
    project.git("commit", "-qm", "mended")
    told = project.repro("gc", "--grace", "0", "--delete")
    assert "old.repro" in told.stderr


def test_what_a_killed_gc_had_condemned_is_taken_back_and_judged_again(project: Person) -> None:
    fill(project, "many", 80)
    project.repro("add", "many")
    [pack] = (store_of(project) / "packs").iterdir()
    condemned = store_of(project) / "condemned" / "packs"
    condemned.mkdir(parents=True)
    pack.rename(condemned / pack.name)
    project.repro("gc", "--delete")
    assert pack.exists()
    assert project.repro("fsck").returncode == 0


def test_small_files_of_the_store_that_add_up_are_put_into_a_pack(project: Person) -> None:
    for part in range(20):  # each too few for a pack
        fill(project, f"part{part}", 60, seed=part)
    project.repro("add", *(f"part{part}" for part in range(20)))
    alone = [path for path in (store_of(project) / "objects").rglob("*") if path.is_file()]
    assert len(alone) > 1000
    project.repro("gc", "--delete")
    assert not [path for path in (store_of(project) / "objects").rglob("*") if path.is_file()]
    assert project.repro("fsck").returncode == 0
    shutil.rmtree(project.cwd / "part7")
    project.repro("checkout", "part7")
    assert (project.cwd / "part7/f0003").read_bytes() == b"7 3 " * 300


def test_a_length_of_time_that_is_none_is_a_usage_error(project: Person) -> None:
    assert "14d" in project.repro("gc", "--grace", "soon", expect=2).stderr
