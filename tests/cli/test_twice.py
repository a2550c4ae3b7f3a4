"""`repro run --twice` asks at the author's desk what a result depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.command_line import Person


def said(project: Person, script: str) -> list[str]:
    """Run a script twice and return what was said of the repetition."""
    project.write("train.py", script)
    done = project.repro("run", "--twice", "--", "python", "train.py")
    assert len(project.runs()) == 1
    assert project.repro_json("log")["runs"][0]["verdicts"] == []
    assert not any((project.home / ".cache/repro/rebuilds").iterdir())
    return [line.removeprefix("repro: twice: ") for line in done.stderr.splitlines() if "twice: " in line]


def test_a_result_that_depends_on_nothing_is_identical(project: Person) -> None:
    [line] = said(project, "open('r', 'w').write('same')\n")
    assert line.startswith("identical, with another directory, the hash seed, the time zone")


def test_what_the_result_depends_on_is_named(project: Person) -> None:
    lines = said(project, "import time; open('r', 'w').write(time.strftime('%H:%M', time.localtime(0)))\n")
    assert lines == ["different: r", "it depends on the time zone"]
    lines = said(project.at(_other(project)), "open('r', 'w').write(repr(set('abcdefgh')))\n")
    assert lines == ["different: r", "it depends on the hash seed"]


def test_a_result_that_differs_by_itself_is_said_to_depend_on_none_of_these(project: Person) -> None:
    lines = said(project, "import os; open('r', 'w').write(os.urandom(8).hex())\n")
    assert lines[0] == "different: r"
    assert "nothing varied" in lines[1]


def test_the_number_of_processors_is_varied_where_there_are_several(project: Person) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one processor: there is nothing to take away")
    lines = said(project, "import os; open('r', 'w').write(str(len(os.sched_getaffinity(0))))\n")
    assert lines == ["different: r", "it depends on the number of processors"]


def test_a_command_that_fails_is_not_repeated(project: Person) -> None:
    project.write("train.py", "import sys; sys.exit(3)\n")
    done = project.repro("run", "--twice", "--", "python", "train.py", expect=3)
    assert "twice" not in done.stderr


def _other(project: Person) -> Path:
    """Another project of the same person."""
    folder = project.home / "other"
    folder.mkdir()
    project.at(folder).git("init", "--quiet")
    return folder
