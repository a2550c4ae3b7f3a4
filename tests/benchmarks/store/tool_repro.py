"""repro itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.store.timed_steps import Step
from tests.benchmarks.store.tool import Tool, empty, remove


class Repro(Tool):
    """As it comes: large files are copies where the file system has no reflinks."""

    name = "repro"
    program = "repro"
    link = ""

    def begin(self) -> Sequence[Step]:
        self.remote.mkdir()
        (self.project / "repro.yaml").write_text(self._settings())
        return [self.step("git", "init", "--quiet")]

    def add(self) -> Sequence[Step]:
        return [self.call("add", "data")]

    def push(self) -> Sequence[Step]:
        return [self.call("push")]

    def status(self) -> Sequence[Step]:
        return [self.call("status")]

    def move(self) -> None:
        remove(self.copy)
        empty(self.place / "other-home")
        (self.copy / ".git").parent.mkdir()
        shutil.copytree(self.project / ".git", self.copy / ".git")
        for name in ("repro.yaml", "data.repro", ".gitignore"):
            shutil.copy(self.project / name, self.copy / name)

    def bring(self) -> Sequence[Step]:
        return [self.call("pull", cwd=self.copy, HOME=str(self.place / "other-home"))]

    def forget_add(self) -> None:
        for path in (self.home / ".local", self.project / ".repro", self.project / ".gitignore"):
            remove(path)
        remove(self.project / "data.repro")

    def forget_push(self) -> None:
        self.turn += 1
        if self.bucket:
            (self.project / "repro.yaml").write_text(self._settings())
        else:
            empty(self.remote)

    def _settings(self) -> str:
        url = str(self.remote)
        if self.bucket:
            place = f"{self.bucket.name}/repro-{self.turn}"
            url = f"s3://{place}?endpoint={self.bucket.endpoint}&region=us-east-1"
        return f"{self.link}remotes:\n  store:\n    url: {url}\n"


class LinkingRepro(Repro):
    """With large files as hard links of the store's."""

    name = "repro, hard links"
    keeps_data = False
    link = "link: hardlink\n"

    def forget_add(self) -> None:
        super().forget_add()
        make_writable(self.data)


def make_writable(data: Path) -> None:
    """Undo the protection of a file whose other name has gone."""
    if data.is_file():
        data.chmod(0o644)
