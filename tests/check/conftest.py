"""Projects with results, and those who check them: by real commands, with real git."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Person

MAKE = """\
mkdir -p results
echo made > results/a
"""
RULES = 'results: ["results/**", "models/**"]\n'


@dataclass(frozen=True)
class Checker(Person):
    """Somebody who asks `repro check`, and does what it says."""

    def findings(self, *arguments: str) -> list[dict[str, Any]]:
        """What `repro check` finds; its exit code must fit."""
        done = self.repro("check", *arguments, "--json", expect=None)
        found: list[dict[str, Any]] = json.loads(done.stdout).get("findings")
        assert done.returncode == int(bool(found)), (done.stdout, done.stderr)
        return found

    def kinds(self, *arguments: str) -> list[str]:
        return [finding["kind"] for finding in self.findings(*arguments)]

    def finding(self, kind: str, *arguments: str) -> dict[str, Any]:
        """The only finding, which must be of this kind."""
        found = self.findings(*arguments)
        assert [one["kind"] for one in found] == [kind], found
        return found[0]

    def mend(self, finding: dict[str, Any], command: str = "", number: int = 0) -> None:
        """Execute the command that the hint proposes, in a shell, with `command` where it says COMMAND."""
        proposed = re.findall(r"`([^`]+)`", finding["hint"])[number]
        self.shell(proposed.replace("COMMAND", command) if command else proposed)

    def shell(self, script: str) -> str:
        """Execute what a person would type in the project's root."""
        done = self.call("bash", "-ec", script)
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    def commit(self, message: str = "a commit") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def rules(self, text: str) -> None:
        """Write the rules into `repro.yaml`, staged."""
        self.write("repro.yaml", RULES + text)
        self.git("add", "repro.yaml")

    def run_id(self) -> str:
        return self.runs()[-1]

    def put_on_path(self, folder: Path) -> Checker:
        """The same person, for whom `repro` is a program."""
        folder.mkdir()
        (folder / "repro").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m repro "$@"\n')
        (folder / "repro").chmod(0o755)
        path = f"{self.venv / 'bin'}:{folder}:{os.environ.get('PATH', os.defpath)}"
        return dataclasses.replace(self, variables={**self.variables, "PATH": path})


@pytest.fixture(scope="session")
def model_project(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Path:
    """A home with a project: committed code, then a run of it, of which nothing is in git yet. Tests copy it."""
    home = tmp_path_factory.mktemp("model") / "ann"
    project = home / "project"
    project.mkdir(parents=True)
    ann = Checker(home=home, cwd=project, venv=venv)
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("make.sh", MAKE)
    ann.write("repro.yaml", RULES)
    ann.commit("begin")
    ann.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    return home


@pytest.fixture
def new_project(model_project: Path, tmp_path: Path, venv: Path) -> Callable[[], Checker]:
    def copy() -> Checker:
        home = tmp_path / "ann"
        shutil.copytree(model_project, home, symlinks=True)
        return Checker(home=home, cwd=home / "project", venv=venv).put_on_path(tmp_path / "bin")

    return copy


@pytest.fixture
def made(new_project: Callable[[], Checker]) -> Checker:
    """A project with a run whose result and manifest are not in git yet."""
    return new_project()


@pytest.fixture
def kept(made: Checker) -> Checker:
    """The same, with both committed."""
    made.commit("keep the result")
    return made
