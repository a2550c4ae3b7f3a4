"""Being a user who is not root, in tests that root runs: with a Python for everybody, and a copy of repro."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534


@contextmanager
def plain_users_folder() -> Iterator[Path]:
    """Make a folder of nobody's, with a copy of repro in it, and take it away again."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], user=NOBODY, text=True, cwd="/").strip())
    try:
        subprocess.run(["cp", "-r", str(ROOT / "repro"), str(folder / "repro")], check=True)
        yield folder
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def run_as_plain_user(folder: Path, script: str, *arguments: str) -> str:
    """Run a Python script there as nobody, which must succeed, and return what it says."""
    done = subprocess.run(
        [_interpreter(), "-c", script, *arguments],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _interpreter() -> str:
    """A Python that everybody may run: that of the tests can lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            able = subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], user=NOBODY, cwd="/"
            )
        except OSError:
            continue
        if able.returncode == 0:
            return python
    pytest.skip("no Python from 3.11 on can be run by a user who is not root")
