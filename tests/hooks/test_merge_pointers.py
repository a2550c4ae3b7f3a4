"""Merges of pointers by real git, with the driver that `repro hooks install` registers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.hooks.on_path import with_repro


def commit(person: Person, message: str, files: dict[str, str | None]) -> None:
    """Change files of tracked `data`, add it, and commit the pointer."""
    for name, text in files.items():
        if text is None:
            (person.cwd / "data" / name).unlink()
        else:
            person.write(f"data/{name}", text)
    person.repro("add", "data")
    person.git("commit", "-q", "-a", "-m", message, "--no-verify")


@pytest.fixture
def team(project: Person) -> Person:
    """Ann with hooks and three tracked files, on main."""
    project.repro("hooks", "install")
    commit(project, "three", {"a": "a", "b": "b", "sub/c": "c"})
    return project


def diverge(person: Person, here: dict[str, str | None], there: dict[str, str | None]) -> None:
    """One commit on `side`, another on main, from the same commit; then on main."""
    person.git("checkout", "-q", "-b", "side")
    commit(person, "there", there)
    person.git("checkout", "-q", "main")
    commit(person, "here", here)


def data(person: Person) -> dict[str, str]:
    folder = person.cwd / "data"
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_different_files_changed_on_two_branches_merge_and_the_data_follows(team: Person) -> None:
    diverge(team, {"a": "here", "new/x": "1", "numbers.csv": None}, {"sub/c": "there", "new/y": "2"})
    done = team.call("git", "merge", "-q", "side", "-m", "both")
    assert done.returncode == 0, done.stderr
    assert data(team) == {"a": "here", "b": "b", "sub/c": "there", "new/x": "1", "new/y": "2"}
    assert "files: 5\n" in (team.cwd / "data.repro").read_text()
    assert team.git("status", "--porcelain") == ""
    assert team.repro_json("add", "data")["data"][0]["changed"] is False


def test_the_same_change_on_both_sides_is_no_conflict(team: Person) -> None:
    diverge(team, {"a": "same", "b": "mine"}, {"a": "same"})
    team.git("merge", "-q", "side", "-m", "both")
    assert data(team)["a"] == "same"


def test_one_file_changed_twice_is_a_conflict_that_names_it_and_leaves_ours(team: Person) -> None:
    diverge(team, {"a": "here", "b": "mine"}, {"a": "there"})
    ours = (team.cwd / "data.repro").read_bytes()
    done = team.call("git", "merge", "side")
    assert done.returncode == 1
    assert "both sides changed data/a" in done.stderr
    assert len(re.findall(r"b3:[0-9a-f]{64}", done.stderr)) == 2
    assert (team.cwd / "data.repro").read_bytes() == ours
    assert "UU data.repro" in team.git("status", "--porcelain")
    assert data(team)["a"] == "here"


@pytest.mark.parametrize(("side", "expected"), [("keep ours", "here"), ("take theirs", "there")])
def test_the_commands_that_a_conflict_proposes_resolve_it(team: Person, side: str, expected: str) -> None:
    diverge(team, {"a": "here"}, {"a": "there"})
    done = team.call("git", "merge", "side")
    command = re.search(rf"hint: {side}: (.*)", done.stderr)
    assert command
    with_repro(team).call("sh", "-ec", command[1], timeout=60).check_returncode()
    team.git("commit", "-q", "--no-verify", "-m", "chosen")
    assert data(team)["a"] == expected
    team.repro("status")


def test_a_file_deleted_on_one_side_and_changed_on_the_other_is_a_conflict(team: Person) -> None:
    diverge(team, {"a": None}, {"a": "there"})
    done = team.call("git", "merge", "side")
    assert "both sides changed data/a" in done.stderr


def test_a_tracked_file_changed_twice_is_a_conflict_with_both_digests(project: Person) -> None:
    project.repro("hooks", "install")
    project.write("model.bin", "0")
    project.repro("add", "model.bin")
    project.git("add", ".")
    project.git("commit", "-q", "-m", "model", "--no-verify")
    for branch, text in (("side", "there"), ("main", "here!")):
        project.git("checkout", "-q", "-B" if branch == "side" else "-q", branch)
        project.write("model.bin", text)
        project.repro("add", "model.bin")
        project.git("commit", "-q", "-a", "-m", branch, "--no-verify")
    done = project.call("git", "merge", "side")
    assert "model.bin.repro: both sides changed it" in done.stderr
    assert "git checkout --theirs -- model.bin.repro && repro checkout model.bin" in done.stderr


def test_two_branches_that_each_added_the_directory_merge_as_if_from_nothing(project: Person) -> None:
    project.repro("hooks", "install")
    for branch, name in (("side", "x"), ("main", "y")):
        project.git("checkout", "-q", *(["-b", branch] if branch == "side" else [branch]))
        project.write(f"more/{name}", name)
        project.repro("add", "more")
        project.git("add", "more.repro", ".gitignore")
        project.git("commit", "-q", "-m", branch, "--no-verify")
        subprocess.run(["rm", "-r", str(project.cwd / "more")], check=True)
    project.git("merge", "-q", "side", "-m", "both")
    project.repro("checkout", "more")
    assert sorted(path.name for path in (project.cwd / "more").iterdir()) == ["x", "y"]


def test_where_a_directory_is_nowhere_the_conflict_says_what_is_missing(team: Person, tmp_path: Path) -> None:
    diverge(team, {"a": "here"}, {"b": "there"})
    lone = team.having(REPRO_STORE=str(tmp_path / "empty"))
    done = lone.call("git", "merge", "side")
    assert done.returncode == 1
    assert "cannot be compared here: no remote is configured" in done.stderr
    assert "git merge --abort, then git merge" in done.stderr
    team.git("merge", "--abort")
    team.git("merge", "-q", "side", "-m", "both")


def test_a_directory_that_the_store_lacks_is_brought_from_the_remote(team: Person, tmp_path: Path) -> None:
    team.repro("remote", "add", "far", str(tmp_path / "far"))
    diverge(team, {"a": "here"}, {"b": "there"})
    for branch in ("side", "main", "main~1"):
        team.git("checkout", "-q", branch)
        team.repro("push")
    team.git("checkout", "-q", "main")
    lone = team.having(REPRO_STORE=str(tmp_path / "empty"))
    lone.git("merge", "-q", "side", "-m", "both")
    assert data(team) == {"a": "here", "b": "there", "sub/c": "c", "numbers.csv": "1\n2\n3\n"}


def test_a_rebase_and_a_cherry_pick_merge_pointers_as_well(team: Person) -> None:
    diverge(team, {"a": "here"}, {"b": "there"})
    team.git("checkout", "-q", "-b", "picked", "main")
    team.git("cherry-pick", "side")
    assert team.git("show", "HEAD:data.repro") == (team.cwd / "data.repro").read_text()
    team.git("checkout", "-q", "side")
    team.git("rebase", "-q", "main")
    assert data(team) == {"a": "here", "b": "there", "sub/c": "c", "numbers.csv": "1\n2\n3\n"}
    team.repro("status")


def test_a_pointer_that_is_none_on_one_side_is_left_to_the_user(team: Person) -> None:
    team.git("checkout", "-q", "-b", "side")
    team.write("data.repro", "no pointer\n")
    team.git("commit", "-q", "-a", "-m", "broken", "--no-verify")
    team.git("checkout", "-q", "main")
    commit(team, "here", {"a": "here"})
    done = team.call("git", "merge", "side")
    assert "no pointer that can be read" in done.stderr
    assert "UU data.repro" in team.git("status", "--porcelain")
