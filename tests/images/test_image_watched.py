"""A run in a container is watched by this machine's strace, and what it read makes its record whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command_line import Person

SCRIPT = "cat hidden/input.txt > copied; python3 train.py; cat /etc/debian_version > /dev/null"


@pytest.fixture
def with_input(locked: Person) -> Person:
    """A project in which git ignores something that the command reads."""
    locked.write(".gitignore", "hidden/\n")
    locked.write("hidden/input.txt", "7\n")
    return locked


def test_inputs_and_outputs_that_nobody_declared_are_found_and_rebuilt(with_input: Person) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    done = with_input.repro("run", "--", "sh", "-c", SCRIPT)
    assert done.stdout == "trained\n"
    manifest = with_input.manifest()
    facts, observed = manifest["facts"], manifest["observations"]
    assert observed["watched"] == "strace"
    assert [item["path"] for item in facts["recipe"]["data"]] == ["hidden/input.txt"]
    assert "outside" not in facts["recipe"], "what lies outside the project is the image's"
    assert [(item["path"], item["found"]) for item in facts["outputs"]] == [("copied", True), ("out/model.txt", True)]
    assert "/usr/bin/python3" in observed["watch"]["programs"]
    assert not [finding for finding in observed["findings"] if finding["kind"] == "processes-left"]
    assert with_input.repro_json("rebuild", "@last")["verdict"] == "identical"


def test_without_strace_the_record_says_that_nothing_was_seen(with_input: Person, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    alone = with_input.having(PATH=str(programs))
    alone.repro("run", "--", "sh", "-c", SCRIPT)
    manifest = with_input.manifest()
    assert manifest["observations"]["watched"] == "none"
    assert manifest["observations"]["watch"]["reason"].startswith("strace is not installed")
    assert [finding["kind"] for finding in manifest["observations"]["findings"]].count("not-watched") == 1
    assert manifest["facts"]["recipe"]["data"] == []
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["copied", "out/model.txt"]


def test_pythonpath_of_this_machine_does_not_hide_the_images(locked: Person) -> None:
    elsewhere = locked.having(PYTHONPATH=str(locked.home))
    elsewhere.repro("run", "--pin", "--", "python3", "train.py")  # imports from the image's own PYTHONPATH
    assert "PYTHONPATH" not in locked.manifest()["facts"]["recipe"]["variables"]
    assert locked.repro_json("rebuild", "@last")["verdict"] == "identical"
