"""Data after git has changed its pointers: the hooks bring it, and never over a change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command_line import Person


@pytest.fixture
def two(project: Person) -> Person:
    """Ann with hooks; `main` and `other` have different data; she is on main."""
    project.repro("hooks", "install")
    project.git("checkout", "-q", "-b", "other")
    save(project, "9\n")
    project.git("checkout", "-q", "main")
    return project


def save(person: Person, text: str) -> None:
    person.write("data/numbers.csv", text)
    person.repro("add", "data")
    person.git("commit", "-q", "-a", "-m", "numbers", "--no-verify")


def numbers(person: Person) -> str:
    return (person.cwd / "data/numbers.csv").read_text()


def test_a_switch_brings_the_other_branchs_data(two: Person) -> None:
    assert numbers(two) == "1\n2\n3\n"
    done = two.call("git", "checkout", "-q", "other")
    assert numbers(two) == "9\n"
    assert "checked out data" in done.stderr
    two.repro("status")


def test_data_that_was_changed_here_is_left_and_named(two: Person) -> None:
    two.write("data/numbers.csv", "mine\n")
    done = two.call("git", "checkout", "-q", "other")
    assert done.returncode == 0
    assert numbers(two) == "mine\n"
    assert "data was changed here, and is left" in done.stderr
    assert "repro checkout --force data" in done.stderr
    two.repro("checkout", "--force", "data")
    assert numbers(two) == "9\n"


def test_a_file_that_was_put_beside_the_data_is_a_change_too(two: Person) -> None:
    two.write("data/notes.txt", "mine\n")
    two.git("checkout", "-q", "other")
    assert (two.cwd / "data/notes.txt").read_text() == "mine\n"


def test_data_that_was_not_checked_out_stays_away(two: Person) -> None:
    shutil.rmtree(two.cwd / "data")
    done = two.call("git", "checkout", "-q", "other")
    assert done.stderr == ""
    assert not (two.cwd / "data").exists()


def test_nothing_is_said_and_no_python_started_where_no_pointer_changed(two: Person) -> None:
    two.git("checkout", "-q", "-b", "third")
    two.write("notes.md", "x")
    two.git("add", "notes.md")
    two.git("commit", "-q", "-m", "notes", "--no-verify")
    (two.cwd / ".git/hooks/find-repro").write_text("#!/bin/sh\necho started >&2\n")
    done = two.call("git", "checkout", "-q", "main")
    assert done.stderr == ""
    assert "started" in two.call("git", "checkout", "-q", "other").stderr


def test_a_merge_that_only_moves_the_branch_brings_the_data(two: Person) -> None:
    done = two.call("git", "merge", "-q", "other")
    assert "checked out data" in done.stderr
    assert numbers(two) == "9\n"


def test_a_squashed_merge_brings_the_data(two: Person) -> None:
    two.git("merge", "-q", "--squash", "other")
    assert numbers(two) == "9\n"


def test_a_rebase_brings_the_data_once_and_at_its_end(two: Person) -> None:
    two.write("notes.md", "x")
    two.git("add", "notes.md")
    two.git("commit", "-q", "-m", "notes", "--no-verify")
    done = two.call("git", "rebase", "-q", "other")
    assert done.stderr.count("checked out data") == 1
    assert numbers(two) == "9\n"


def test_a_rebase_that_only_moves_the_branch_brings_the_data(two: Person) -> None:
    two.git("rebase", "-q", "other")
    assert numbers(two) == "9\n"


def test_a_new_worktree_has_the_data(two: Person, tmp_path: Path) -> None:
    two.git("worktree", "add", "-q", str(tmp_path / "tree"), "other")
    assert numbers(two.at(tmp_path / "tree")) == "9\n"


def test_data_that_the_store_lacks_is_named_and_the_checkout_is_no_failure(two: Person, tmp_path: Path) -> None:
    two.git("checkout", "-q", "-b", "added")
    two.write("more/x", "x")
    two.repro("add", "more")
    two.git("add", ".")
    two.git("commit", "-q", "-m", "more", "--no-verify")
    two.git("checkout", "-q", "main")
    shutil.rmtree(two.cwd / "more")
    lone = two.having(REPRO_STORE=str(tmp_path / "empty"))
    done = lone.call("git", "checkout", "-q", "added")
    assert done.returncode == 0
    assert "not in the store: more; `repro pull` brings it" in done.stderr


def test_a_pointer_that_cannot_be_read_does_not_fail_the_checkout(two: Person) -> None:
    two.git("checkout", "-q", "-b", "broken")
    two.write("data.repro", "no pointer\n")
    two.git("commit", "-q", "-a", "-m", "broken", "--no-verify")
    two.git("checkout", "-q", "main")
    done = two.call("git", "checkout", "-q", "broken")
    assert done.returncode == 0
    assert "data.repro" in done.stderr
