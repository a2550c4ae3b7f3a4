"""What every tool that is measured offers: the same few verbs, each a list of processes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.store.timed_steps import Step


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in an S3 server on loopback."""

    endpoint: str
    name: str
    key: str
    secret: str


class Tool:
    """One tool with a folder of its own: a project with `data` in it, a remote, a home.

    A verb that a tool does not have is not called: the rows say who takes part.
    """

    name = ""
    program = ""
    keeps_data = True
    """Whether `add` leaves files as they are, so that hard links to the data set will do."""

    def __init__(self, place: Path, programs: Mapping[str, str], bucket: Bucket | None = None) -> None:
        self.place = place
        self.programs = programs
        self.bucket = bucket
        self.turn = 0
        self.project = place / "project"
        self.remote = place / "remote"
        self.home = place / "home"
        self.copy = place / "copy"
        self.source = place / "none"
        """The data set, for who has taken `data` with it."""
        for folder in (self.project, self.home):
            folder.mkdir(parents=True)

    @property
    def data(self) -> Path:
        """What is stored."""
        return self.project / "data"

    def begin(self) -> Sequence[Step]:
        """Make the repository and its remote, or tell it of the bucket."""
        return ()

    def add(self) -> Sequence[Step]:
        """Store the data; where a tool knows no store of its own, on the remote."""
        raise NotImplementedError

    def push(self) -> Sequence[Step]:
        """Send what is stored to the remote."""
        raise NotImplementedError

    def status(self) -> Sequence[Step]:
        """Ask what has changed."""
        raise NotImplementedError

    def move(self) -> None:
        """Make a fresh place in `copy` that knows of the remote; without data."""
        raise NotImplementedError

    def bring(self) -> Sequence[Step]:
        """Get the data from the remote into the fresh place."""
        raise NotImplementedError

    def forget_add(self) -> None:
        """Undo `add`."""
        raise NotImplementedError

    def forget_push(self) -> None:
        """Undo `push`: the remote is empty; in a bucket, another prefix is taken."""
        empty(self.remote)

    def tidy(self) -> None:
        """Make room after an update: a tool that keeps every version whole would fill the disk."""

    def stored(self) -> tuple[int, int] | None:
        """Return how many files the remote has, and how many bytes; None where it is a bucket."""
        return None if self.bucket else count(self.remote)

    def step(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Step:
        """A process of this tool's user."""
        environ = {
            "HOME": str(self.home),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            # Git would tidy up behind our back, while something else is measured, and git-lfs trips over that.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "gc.auto",
            "GIT_CONFIG_VALUE_0": "0",
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
        }
        if self.bucket:
            environ["AWS_ACCESS_KEY_ID"] = self.bucket.key
            environ["AWS_SECRET_ACCESS_KEY"] = self.bucket.secret
            environ["AWS_DEFAULT_REGION"] = "us-east-1"
        return Step(arguments, cwd or self.project, {**environ, **variables})

    def call(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Step:
        """A process of the tool's own program."""
        return self.step(self.programs[self.program], *arguments, cwd=cwd, **variables)


def count(folder: Path) -> tuple[int, int]:
    """Return how many files there are, and how many bytes in them; of a file, its own."""
    if folder.is_file():
        return 1, folder.stat().st_size
    files = [Path(base, name) for base, _, names in os.walk(folder) for name in names]
    return len(files), sum(file.lstat().st_size for file in files)


def empty(folder: Path) -> None:
    """Make a folder empty; there may be read-only ones in it."""
    remove(folder)
    folder.mkdir(parents=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder with everything in it, whatever its mode."""
    if path.is_dir() and not path.is_symlink():
        for base, names, _ in os.walk(path):
            for name in names:
                inner = Path(base, name)
                if not inner.is_symlink() and not inner.stat().st_mode & stat.S_IWUSR:
                    inner.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_data(source: Path, target: Path) -> None:
    """Copy a data set, quickly and without its times."""
    subprocess.run(["cp", "-r", "--", str(source), str(target)], check=True)


def link_data(source: Path, target: Path) -> None:
    """Give a data set's files second names: as good as a copy for who only reads them, and sooner done."""
    subprocess.run(["cp", "-rl", "--", str(source), str(target)], check=True)
