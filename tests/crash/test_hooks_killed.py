"""SIGKILL before each change that installing and removing git hooks makes: the user's hook stays, no trace of ours."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.crash_points import Place, chosen, kill_points, run_killed

MINE = b"#!/bin/sh\nexit 3\n"


def git_folder(person: Person) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted((person.cwd / ".git").rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(person.cwd))] = (stat.S_IMODE(path.stat().st_mode), data)
    return found


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_killed_at_any_instant_the_users_hook_stays_and_the_command_can_be_repeated(
    project: Person, command: str, tmp_path: Path
) -> None:
    hook = project.write(".git/hooks/pre-commit", MINE, 0o755)
    before = git_folder(project)
    if command == "uninstall":
        project.repro("hooks", "install")
    place = Place(project.home)
    points = kill_points(project, ["hooks", command], tmp_path / "strace.log")
    for point in chosen(points, f"hooks-{command}"):
        place.restore()
        run_killed(project, ["hooks", command], point)
        kept = [path for path in (hook, hook.with_name("pre-commit.before-repro")) if path.exists()]
        assert MINE in [path.read_bytes() for path in kept], point
        assert os.access(hook, os.X_OK) or not hook.exists(), point
        (project.cwd / ".git/config.lock").unlink(missing_ok=True)  # as git's own commands leave it, and ask for
        project.repro("hooks", command)
        if command == "install":
            assert project.repro_json("hooks", "status")["merge_driver"] is True, point
            project.repro("hooks", "uninstall")
        assert git_folder(project) == before, point
