"""tools/bootstrap.sh and tests/run, in a copy of what they need: nothing is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the scripts in a place with a space in its name."""
    clone = tmp_path / "a clone"
    for name in ("tools/bootstrap.sh", "tests/run", "pyproject.toml"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    return clone


def bash(clone: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in `clone`, with no index that could be reached."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "REPRO_"))}
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "HOME": str(clone), "PYTHON": sys.executable}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=clone.parent,
        env={**environ, **offline, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def installed(clone: Path) -> Path:
    """Make an environment that looks complete, and return its folder of programs."""
    venv.create(clone / ".venv", with_pip=False)
    stamped = bash(clone, '. "a clone/tools/bootstrap.sh"; stamp_text dev > "$venv/installed-with"')
    assert stamped.returncode == 0, stamped.stderr
    return clone / ".venv" / "bin"


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_environment_that_is_complete_is_used_as_it_is(clone: Path) -> None:
    installed(clone)
    for group in ("dev", ""):
        done = bash(clone, f'. "a clone/tools/bootstrap.sh"; bootstrap {group}; echo "$venv"')
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip() == str(clone / ".venv")


@pytest.mark.parametrize("name", ["pyproject.toml", "tools/bootstrap.sh"])
def test_an_environment_of_other_requirements_is_installed_anew(clone: Path, name: str) -> None:
    installed(clone)
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    done = bash(clone, '. "a clone/tools/bootstrap.sh"; bootstrap dev')
    assert done.returncode == 3
    assert "installing uv" in done.stderr
    assert "hint: " in done.stderr


def test_an_environment_that_was_moved_is_made_anew(clone: Path) -> None:
    installed(clone)
    moved = clone.with_name("another clone")
    clone.rename(moved)
    done = bash(moved, '. "another clone/tools/bootstrap.sh"; bootstrap dev')
    assert f"in {moved / '.venv'}" in done.stderr


def test_a_directory_that_it_did_not_make_is_never_removed(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    done = bash(clone, '. "a clone/tools/bootstrap.sh"; bootstrap', REPRO_VENV="mine")
    assert done.returncode == 3
    assert "not an environment that this made" in done.stderr
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_what_is_started_elsewhere_finds_the_environment_that_was_named_from_here(clone: Path) -> None:
    script = '. "a clone/tools/bootstrap.sh"; cd /; bash -c \'. "$1"; echo "$venv"\' - "$root/tools/bootstrap.sh"'
    done = bash(clone, script, REPRO_VENV=".venv-of-another")
    assert done.stdout.strip() == str(clone.parent / ".venv-of-another")


def test_a_python_that_does_not_fit_is_refused(clone: Path, tmp_path: Path) -> None:
    program(tmp_path / "python2", "exit 1")
    done = bash(clone, '. "a clone/tools/bootstrap.sh"; bootstrap', PYTHON=str(tmp_path / "python2"))
    assert done.returncode == 3
    assert "python2 is not a Python 3.11 to 3.14" in done.stderr


def test_the_test_command_stops_at_the_stage_that_fails_and_names_it(clone: Path) -> None:
    programs = installed(clone)
    program(programs / "ruff", '[ "$1" = check ] || exit 7')
    done = bash(clone, '"a clone/tests/run"')
    assert done.returncode == 7
    assert done.stderr.splitlines() == ["== ruff check", "== ruff format", "== ruff format FAILED with exit code 7"]
