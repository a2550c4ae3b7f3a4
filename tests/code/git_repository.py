"""A real git repository to test against, driven by the real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitRepository:
    root: Path

    @property
    def path(self) -> str:
        return str(self.root)

    def git(self, *arguments: str | bytes, environ: dict[str, str] | None = None, data: bytes = b"") -> str:
        result = subprocess.run(
            ["git", "-C", self.path, "-c", "core.fsync=none", *arguments],
            input=data,
            capture_output=True,
            check=False,
            env={**os.environ, **(environ or {})},
        )
        assert result.returncode == 0, (arguments, result.stderr.decode(errors="replace"))
        return result.stdout.decode(errors="surrogateescape").rstrip("\n")

    def write(self, name: str | bytes, data: bytes = b"content\n", mode: int = 0o644) -> bytes:
        path = os.path.join(os.fsencode(self.path), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def commit(self, message: str = "a commit") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def oracle_tree(self) -> str:
        """The tree that real git makes of the work tree as it is, through an index of its own."""
        environ = {"GIT_INDEX_FILE": self.path + "-oracle-index"}
        source = self.git("rev-parse", "--git-path", "index")
        if os.path.exists(os.path.join(self.path, source)):
            # With its time: git tells by it which entries may be out of date.
            shutil.copy2(os.path.join(self.path, source), environ["GIT_INDEX_FILE"])
        self.git("-c", "advice.addEmbeddedRepo=false", "add", "-A", environ=environ)
        return self.git("write-tree", environ=environ)

    def files_in(self, commit: str) -> list[str]:
        return self.git("ls-tree", "-r", "-z", "--name-only", commit).rstrip("\0").split("\0")

    def untouchables(self) -> dict[str, bytes]:
        """Everything below the root that a snapshot must leave alone, with the modification times."""
        found = {}
        for folder, _, names in os.walk(self.path):
            if "/.git/" in folder and "/objects" in folder:
                continue
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                data = b"" if not os.path.isfile(path) or os.path.islink(path) else Path(path).read_bytes()
                found[path] = b"%d %o " % (status.st_mtime_ns, status.st_mode) + data
        return found


def init(root: Path, *options: str) -> GitRepository:
    subprocess.run(["git", "init", "-q", *options, str(root)], check=True, capture_output=True)
    return GitRepository(root)
