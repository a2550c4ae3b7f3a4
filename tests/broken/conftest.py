"""A project with tracked data and a run, all sound, and pushed: what every disease of this folder begins with."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from repro.model.digest import digest_of
from tests.command_line import Person
from tests.conftest import TRAIN


@dataclass(frozen=True)
class Sound:
    """Ann's project, her store, and the remote `far` that has everything. Each method brings one disease."""

    ann: Person
    store: Path
    remote: Path
    run: str

    def fsck(self, *arguments: str, expect: int | None) -> Any:
        return self.ann.repro_json("fsck", *arguments, expect=expect)

    def kinds(self, *arguments: str, expect: int) -> list[tuple[str, str | None]]:
        """The findings' kinds and paths."""
        found = self.fsck(*arguments, expect=expect)["findings"]
        return [(one["kind"], one.get("path")) for one in found]

    def file_of(self, content: bytes, place: Path | None = None) -> Path:
        """Where the store (or the remote) keeps an object with these bytes."""
        digest = digest_of(content)
        path = (place or self.store) / "objects" / digest[3:5] / digest[5:]
        assert path.is_file()
        return path

    def tree_of(self, path: str, place: Path | None = None) -> Path:
        """Where the tree of tracked data is kept."""
        pointer = (self.ann.cwd / f"{path}.repro").read_text()
        found = re.search(r"digest: b3:(..)(\S+)", pointer)
        assert found
        return (place or self.store) / "objects" / found[1] / found[2]

    def lose_work_tree(self) -> None:
        """Take the data and the outputs out of the work tree."""
        for name in ("data/numbers.csv", "data/inner/more.csv", "out/model.txt", "out/metrics.json"):
            (self.ann.cwd / name).unlink()

    def lose_remote(self) -> None:
        """Forget the remote."""
        self.ann.repro("remote", "remove", "far")


def damage(path: Path) -> Path:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    return path


NUMBERS = b"1\n2\n3\n"
MORE = b"4\n5\n"


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Path:
    """The project, made once: every test has a copy."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "ann" / "project").mkdir(parents=True)
    project = Person(home=folder / "ann", cwd=folder / "ann" / "project", venv=venv)
    project.git("init", "--quiet")
    project.write("train.py", TRAIN)
    project.write("data/numbers.csv", NUMBERS)
    project.write("data/inner/more.csv", MORE)
    project.repro("add", "data")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "begin")
    project.repro("remote", "add", "far", str(folder / "far"))
    project.write("note.txt", "not committed")
    project.repro("run", "-n", "first", "-o", "out", "--", "python", "train.py")
    project.repro("push")
    return folder


@pytest.fixture
def sound(original: Path, tmp_path: Path, venv: Path) -> Sound:
    for name in ("ann", "far"):
        shutil.copytree(original / name, tmp_path / name, symlinks=True)
    ann = Person(home=tmp_path / "ann", cwd=tmp_path / "ann" / "project", venv=venv)
    ann.write("repro.yaml", f"remotes:\n  far:\n    url: {tmp_path / 'far'}\n")
    return Sound(ann, ann.home / ".local" / "share" / "repro", tmp_path / "far", ann.runs()[0])
