"""What the bare machine takes: copying, hashing, looking at every file, compressing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.store.timed_steps import Step
from tests.benchmarks.store.tool import Tool, remove

_HASH = """\
import sys
from blake3 import blake3
hasher = blake3(max_threads=blake3.AUTO)
hasher.update_mmap(sys.argv[1])
hasher.digest()
"""

# The walk itself, without the interpreter's start.
_WALK = """\
import os, sys, time
began = time.perf_counter()
waiting = [sys.argv[1]]
while waiting:
    with os.scandir(waiting.pop()) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
print(time.perf_counter() - began)
"""


class Copy(Tool):
    """`cp -r`, of a file `cp`."""

    name = "cp"
    program = "cp"

    def add(self) -> Sequence[Step]:
        return [self.call("-r", "data", str(self.place / "added"))]

    def push(self) -> Sequence[Step]:
        return [self.call("-r", "data", str(self.remote))]

    def move(self) -> None:
        remove(self.copy)

    def bring(self) -> Sequence[Step]:
        return [self.call("-r", "data", str(self.copy))]

    def forget_add(self) -> None:
        remove(self.place / "added")

    def forget_push(self) -> None:
        remove(self.remote)


class CopyToDisk(Copy):
    """`cp`, and what it wrote brought to the disk: `cp` alone ends when the kernel has the bytes."""

    name = "cp and fsync"

    def add(self) -> Sequence[Step]:
        return [self._copy(self.place / "added")]

    def push(self) -> Sequence[Step]:
        return [self._copy(self.remote)]

    def _copy(self, target: Path) -> Step:
        return self.step("sh", "-c", 'cp -r data "$1" && sync "$1"', "sh", str(target))


class Hash(Tool):
    """BLAKE3 of the file, on all cores."""

    name = "BLAKE3"
    keeps_data = False
    """It could, but whom it is compared with has a copy of the data, and a copied file lies in memory in smaller pieces
    than one that was written: hashing it takes a fifth longer."""

    def add(self) -> Sequence[Step]:
        return [self.step(sys.executable, "-c", _HASH, "data")]

    def forget_add(self) -> None:
        """Nothing."""


class Walk(Tool):
    """`os.scandir` and `stat` of everything."""

    name = "scandir + stat"

    def status(self) -> Sequence[Step]:
        step = self.step(sys.executable, "-I", "-S", "-c", _WALK, "data")
        return [replace(step, tells_seconds=True)]


class Zstd(Tool):
    """`zstd -3`, one thread, into one file."""

    name = "zstd -3"
    program = "zstd"

    def begin(self) -> Sequence[Step]:
        self.remote.mkdir()
        return ()

    def add(self) -> Sequence[Step]:
        return [self.call("-3", "-q", "-f", "data", "-o", str(self.remote / "data.zst"))]

    def push(self) -> Sequence[Step]:
        return ()

    def forget_add(self) -> None:
        """Nothing: `forget_push` does it."""
