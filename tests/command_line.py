"""The command line as a user has it: real processes, real git, a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

REPRO = (sys.executable, "-P", "-m", "repro")
"""As the installed program: the current directory is not searched for modules, whatever a project calls its files."""


@dataclass(frozen=True)
class Person:
    """Somebody at a machine: a home, variables, a directory to stand in.

    `python` is the environment's interpreter that `python` means on this person's PATH.
    """

    home: Path
    cwd: Path
    venv: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        path = f"{self.venv / 'bin'}:{os.environ.get('PATH', os.defpath)}"
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": path,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
            **self.variables,
        }

    def at(self, cwd: Path) -> Person:
        """The same person, standing in another directory."""
        return replace(self, cwd=cwd)

    def having(self, **variables: str) -> Person:
        """The same person with further environment variables."""
        return replace(self, variables={**self.variables, **variables})

    def call(self, *command: str | bytes, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run any command; its two streams are captured apart, as text."""
        return subprocess.run(
            command,
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            **options,
        )

    def repro(
        self, *arguments: str | bytes, expect: int | None = 0, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run `repro` and require an exit code; `expect=None` takes any."""
        done = self.call(*REPRO, *arguments, **options)
        if expect is not None and done.returncode != expect:
            shown = f"$ repro {arguments}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            raise AssertionError(shown)
        return done

    def repro_json(self, *arguments: str, expect: int | None = 0) -> Any:
        """Run `repro … --json` and return what it printed."""
        done = self.repro(*arguments, "--json", expect=expect)
        return json.loads(done.stdout)

    def git(self, *arguments: str | bytes) -> str:
        """Run git, which must succeed."""
        done = self.call("git", *arguments)
        if done.returncode:
            raise AssertionError(f"$ git {arguments}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def write(self, name: str, text: str | bytes, mode: int | None = None) -> Path:
        """Write a file below where this person stands."""
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        if mode is not None:
            path.chmod(mode)
        return path

    def runs(self) -> list[str]:
        """The ids of the project's runs, oldest first."""
        return sorted(path.stem for path in (self.cwd / ".repro" / "runs").glob("*.yaml"))

    def manifest(self, run: str | None = None) -> Any:
        """A run's manifest (the newest if none is named), as plain values."""
        name = run or self.runs()[-1]
        return yaml.safe_load((self.cwd / ".repro" / "runs" / f"{name}.yaml").read_bytes())


def make_venv(folder: Path, uv: Sequence[str]) -> Path:
    """An empty virtual environment of the interpreter that runs the tests."""
    subprocess.run([*uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)], check=True)
    return folder
