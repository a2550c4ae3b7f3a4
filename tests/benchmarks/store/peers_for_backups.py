"""The tools that store straight on the remote: restic and borg, with their defaults, borg unencrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.benchmarks.store.timed_steps import Step, run
from tests.benchmarks.store.tool import Tool, empty, remove


class Restic(Tool):
    """It always encrypts."""

    name = "restic"
    program = "restic"

    def begin(self) -> Sequence[Step]:
        return [self._restic("init", "--quiet")]

    def add(self) -> Sequence[Step]:
        return [self._restic("backup", "--quiet", "data")]

    def push(self) -> Sequence[Step]:
        return ()

    def move(self) -> None:
        empty(self.copy)
        remove(self.home / ".cache")

    def bring(self) -> Sequence[Step]:
        return [self._restic("restore", "--quiet", "latest", "--target", str(self.copy))]

    def forget_add(self) -> None:
        """Nothing: `forget_push` does it."""

    def forget_push(self) -> None:
        self.turn += 1
        remove(self.home / ".cache")
        remove(self.remote)
        run(self.begin())

    def _restic(self, *arguments: str) -> Step:
        place = str(self.remote)
        if self.bucket:
            place = f"s3:{self.bucket.endpoint}/{self.bucket.name}/restic-{self.turn}"
        return self.call("--repo", place, *arguments, RESTIC_PASSWORD="benchmark")


class Borg(Tool):
    """Without encryption, and with its default compression."""

    name = "borg"
    program = "borg"

    def begin(self) -> Sequence[Step]:
        return [self._borg("init", "--encryption", "none", str(self.remote))]

    def add(self) -> Sequence[Step]:
        self.turn += 1
        return [self._borg("create", f"{self.remote}::{self.turn}", "data")]

    def push(self) -> Sequence[Step]:
        return ()

    def move(self) -> None:
        empty(self.copy)

    def bring(self) -> Sequence[Step]:
        return [replace(self._borg("extract", f"{self.remote}::{self.turn}"), cwd=self.copy)]

    def forget_add(self) -> None:
        """Nothing: `forget_push` does it."""

    def forget_push(self) -> None:
        remove(self.remote)
        remove(self.home / ".cache")
        remove(self.home / ".config")
        run(self.begin())

    def _borg(self, *arguments: str) -> Step:
        return self.call(*arguments, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
