"""The README's first command, as a newcomer types it. It installs real packages from the index."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 600


def tell_story(temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the story with `temporary` as the place for its temporary files; its two streams come back as one."""
    return subprocess.run(
        ["bash", str(ROOT / "examples" / "digits" / "story.sh"), *arguments],
        cwd=temporary,
        env={**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )


@pytest.mark.begins_first
def test_the_story_ends_with_an_identical_rebuild_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "a place"
    temporary.mkdir()
    done = tell_story(temporary)
    assert done.returncode == 0, done.stdout
    rebuild = done.stdout.partition("$ repro rebuild ")[2]
    assert re.search(r"^identical +out$", rebuild, re.MULTILINE), done.stdout
    assert not re.search(r"\b(different|undetermined|unbuildable)\b", rebuild), done.stdout
    assert list(temporary.iterdir()) == []


def test_the_story_refuses_an_argument_that_it_does_not_know(tmp_path: Path) -> None:
    done = tell_story(tmp_path, "--fast")
    assert done.returncode == 3
    assert "unknown argument --fast" in done.stdout
    assert "$ repro" not in done.stdout
