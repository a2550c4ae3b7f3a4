"""A project whose runs are watched: everything here needs strace, which the tests' bootstrap installs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import REPRO, Person


@dataclass(frozen=True)
class Watched:
    """Ann in a project with a tracked `data/numbers.csv` and a `.gitignore` for `*.ignored` and `/ignored`."""

    ann: Person

    def run(self, script: str, *options: str, expect: int | None = 0, name: str = "train.py") -> Any:
        """Run a Python script, and return its manifest."""
        self.ann.write(name, script)
        self.ann.repro("run", *options, "--", "python", name, expect=expect)
        return self.manifest()

    def shell(self, command: str, *options: str, expect: int | None = 0) -> Any:
        """Run a shell command, and return its manifest."""
        self.ann.repro("run", *options, "--", "sh", "-c", command, expect=expect)
        return self.manifest()

    def manifest(self) -> Any:
        return self.ann.manifest()

    def inputs(self) -> list[str]:
        recipe = self.manifest()["facts"]["recipe"]
        return [item["path"] for item in (*recipe["data"], *recipe.get("outside", ()))]

    def outputs(self) -> list[str]:
        return [output["path"] for output in self.manifest()["facts"]["outputs"]]

    def findings(self, kind: str) -> list[str]:
        found = self.manifest()["observations"].get("findings", ())
        return [finding.get("path", finding["detail"]) for finding in found if finding["kind"] == kind]

    def rebuilt(self) -> str:
        """The verdict of a rebuild elsewhere."""
        answer = self.elsewhere()
        return str(answer.get("verdict", answer))

    def elsewhere(self) -> Any:
        """What a rebuild says by Bob: Ann's home is gone with all that is in it, his is another, and so is his number
        where the kernel allows it; and he has one processor."""
        place = Path(tempfile.mkdtemp(dir=self.ann.home.parent))
        remote, run = place / "remote", self.ann.runs()[-1]
        self.ann.repro("push", "-r", str(remote), run)
        bob = replace(self.ann, home=place, cwd=place)
        one = {min(os.sched_getaffinity(0))}
        command = (*_another_user(), *REPRO, "rebuild", run, "--from", str(remote), "--json")
        gone = self.ann.home.rename(place / "gone")
        (place / "gone").chmod(0)
        try:
            done = bob.call(*command, preexec_fn=lambda: os.sched_setaffinity(0, one))
        finally:
            (place / "gone").chmod(0o700)
            gone.rename(self.ann.home)
        return json.loads(done.stdout)


@cache
def _another_user() -> tuple[str, ...]:
    user = ("unshare", "--user", "--map-user=4321", "--map-group=4321")
    return () if subprocess.run([*user, "true"], capture_output=True).returncode else user


@pytest.fixture
def watched(ann: Person) -> Watched:
    if not shutil.which("strace"):
        if os.environ.get("CI") == "true":
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write(".gitignore", "/data\n*.ignored\n/ignored\n/out\n")
    ann.write("data/numbers.csv", "1\n2\n3\n")
    ann.write("data/more.csv", "4\n")
    ann.repro("add", "data")
    ann.write("code.txt", "code\n")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    return Watched(ann)
