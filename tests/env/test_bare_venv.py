"""A virtual environment that is copied is the one that uv would make."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from tests.env.conftest import BASE_PYTHON, Desk
from tests.env.test_realise import captured, tree


def modes(root: str | Path) -> dict[str, int]:
    return {str(path.relative_to(root)): stat.S_IMODE(path.lstat().st_mode) for path in Path(root).rglob("*")}


def calls_of_uv(started: list[list[str]]) -> list[str]:
    return [arguments[1] for arguments in started if os.path.basename(arguments[0]) == "uv"]


def test_uv_makes_one_for_an_interpreter_and_the_next_are_copies(desk: Desk) -> None:
    one, other = captured(desk, "alpha"), captured(desk, "beta")
    started: list[list[str]] = []
    sys.addaudithook(lambda event, what: started.append(what[1]) if event == "subprocess.Popen" else None)
    first = desk.realise(one)
    assert calls_of_uv(started) == ["venv", "pip"]
    started.clear()
    second = desk.realise(other)
    assert calls_of_uv(started) == ["pip"]
    assert first.prefix != second.prefix


def test_a_copy_has_the_files_and_modes_of_the_one_that_uv_makes(desk: Desk) -> None:
    environment = desk.capture().environment
    assert not environment.packages
    desk.realise(environment)
    desk.envs = desk.folder / "another" / "envs"
    copied = desk.realise(environment).prefix
    by_uv = str(desk.folder / "by-uv")
    desk.uv("venv", "--relocatable", "--no-project", "--python", BASE_PYTHON, by_uv)
    mark = "repro-environment.json"
    assert {name: data for name, data in tree(copied).items() if name != mark} == {
        name: data for name, data in tree(by_uv).items() if name != ".lock"
    }
    assert {name: mode for name, mode in modes(copied).items() if name != mark} == {
        name: mode for name, mode in modes(by_uv).items() if name != ".lock"
    }


def test_one_that_somebody_installed_into_is_not_copied(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    made = desk.realise(environment)
    [kept] = (desk.folder / "venvs").iterdir()
    desk.index.add("beta", "1.0")
    desk.uv("pip", "install", "--python", str(kept), "beta")
    os.unlink(os.path.join(made.prefix, "bin/python"))
    assert not list(Path(desk.realise(environment).prefix).rglob("beta*"))
    assert [path.name for path in (desk.folder / "venvs").iterdir()] == [kept.name]
