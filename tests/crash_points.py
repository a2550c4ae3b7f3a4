"""Commands killed at each of their changes, and what must be true of a store, a remote, and a work tree afterwards."""

from __future__ import annotations

import collections
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from repro.model.data.content import Content, ObjectRef
from repro.model.data.pointer import parse_pointer
from repro.model.runs.manifest import parse_manifest
from repro.model.runs.pieces import pieces_of
from repro.model.runs.run_state import State
from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.transfer.transfer import fetch_objects
from tests.command_line import REPRO, Person

SEEDS = int(os.environ.get("REPRO_SEEDS", "1"))
"""How many instants of each command are tried; with as many as it has, each one is."""

_NAMES = (
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "rmdir",
    "symlink",
    "symlinkat",
)
_CALL = re.compile(r"(\d+) +(\w+)\(.* = (-?\d+)")

Root = Content | ObjectRef
T = TypeVar("T")


@dataclass(frozen=True)
class KillPoint:
    """An instant: just before the `number`th call of a kind in a thread."""

    call: str
    number: int


def needs_strace() -> None:
    """Skip where there is no strace, which the tests' bootstrap installs."""
    if not shutil.which("strace"):
        if os.environ.get("CI") == "true":
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")


def kill_points(person: Person, arguments: Sequence[str], log: Path, more: Sequence[str] = ()) -> list[KillPoint]:
    """Let a command run to its end, and return the instants before all that it changed; `more` calls count."""
    calls = (*_NAMES, *more)
    traced = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", str(log), "-e", f"trace={','.join(calls)}")
    done = person.call(*traced, *REPRO, *arguments)
    assert done.returncode == 0, done.stderr
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    points: dict[KillPoint, None] = {}
    for line in log.read_text(errors="replace").splitlines():
        if (found := _CALL.match(line)) is not None:
            thread, call, result = found.groups()
            counts[thread, call] += 1
            if not result.startswith("-"):
                points[KillPoint(call, counts[thread, call])] = None
    return list(points)


def run_killed(person: Person, arguments: Sequence[str], point: KillPoint) -> subprocess.CompletedProcess[str]:
    """Run a command that is killed at an instant; it may have ended before, as threads do not take turns."""
    inject = f"inject={point.call}:signal=KILL:when={point.number}"
    traced = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-e", f"trace={point.call}", "-e", inject)
    return person.call(*traced, *REPRO, *arguments)


def chosen(points: Sequence[T], seed: str) -> list[T]:
    """As many instants, or amounts, as are to be tried, in their order."""
    print(f"{seed}: {len(points)} points")
    picked = random.Random(seed).sample(range(len(points)), min(SEEDS, len(points)))
    return [points[at] for at in sorted(picked)]


@dataclass
class Place:
    """A folder that is brought back to what it was, as often as needed."""

    folder: Path
    kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kept = self.folder.with_name(f"{self.folder.name}-kept")
        self._copy(self.folder, self.kept)

    def restore(self) -> None:
        """Bring it back."""
        if self.folder.exists():
            self._copy(self.folder, self.folder.with_name(f"{self.folder.name}-gone"))  # for who looks at a failure
            shutil.rmtree(self.folder)
        self._copy(self.kept, self.folder)

    def _copy(self, source: Path, target: Path) -> None:
        if target.exists():
            shutil.rmtree(target)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


# what must be true


def store_of(person: Person) -> str:
    """The folder of a person's store."""
    return str(person.home / ".local" / "share" / "repro")


def recorded(person: Person) -> list[Root]:
    """What the pointers and the sealed manifests of a project name."""
    roots: list[Root] = []
    for path in sorted(person.cwd.glob("?*.repro")):
        roots.append(parse_pointer(path.read_bytes(), os.fsencode(path.name), path.name).content)
    for path in sorted((person.cwd / ".repro" / "runs").glob("*.yaml")):
        manifest = parse_manifest(path.read_bytes(), path.name)
        if manifest.state is not State.OPEN:
            roots += [piece.root for piece in pieces_of(manifest)]
    return roots


def nothing_is_lost_here(person: Person) -> None:
    """All that records name is in the store, whole and intact; what is left over beside is no fault."""
    cache = Cache(store_of(person))
    roots = recorded(person)
    assert missing_here(cache, roots) == ()
    assert person.repro_json("fsck")["findings"] == []


def recorded_far(remote: Remote) -> list[Root]:
    """What the manifests and pointers of a remote name."""
    roots: list[Root] = []
    for name in remote.list("runs"):
        roots += [piece.root for piece in pieces_of(parse_manifest(remote.read(name, 2**20), name))]
    for name in remote.list("pointers"):
        roots.append(parse_pointer(remote.read(name, 2**20), None, name).content)
    return roots


def nothing_is_lost_there(url: str, empty: Path) -> int:
    """All that the records of a remote name comes from it, verified; returns how many records there are."""
    remote = open_remote(url)
    roots = recorded_far(remote)
    if empty.exists():
        shutil.rmtree(empty)
    cache = Cache(str(empty))
    fetch_objects(cache, remote, roots)
    assert missing_here(cache, roots) == ()
    return len(roots)


def files_below(folder: Path, without: Iterable[str] = (".git", ".repro/local")) -> dict[str, tuple[int, bytes]]:
    """The mode and the bytes of each file of a work tree."""
    skipped = tuple(f"{name}/" for name in without)
    return dict(_files(folder, skipped))


def _files(folder: Path, skipped: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not f"{name}/".startswith(skipped):
            yield name, (path.stat().st_mode & 0o777, path.read_bytes())


def fill(person: Person, folder: str, files: int, seed: int = 0) -> None:
    """Small files, different for each seed."""
    for number in range(files):
        person.write(f"{folder}/f{number:03}", f"{seed} {number} ".encode() * 200)


def noise(size: int, seed: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def gc_answer(person: Person, *arguments: str) -> Any:
    """What `repro gc --delete` says."""
    return person.repro_json("gc", "--delete", *arguments)
