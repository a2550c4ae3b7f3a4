"""The README's first command, as a newcomer types it. It installs real packages from the index."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "examples" / "digits" / "story.sh"
LIMIT_S = 600


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The story's outcome and the directory that it was given for temporary files, which has a space in its name."""
    temporary = tmp_path_factory.mktemp("a story")
    environ = {**os.environ, "TMPDIR": str(temporary), "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", str(STORY)],
        cwd=temporary,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )
    return done, temporary


def test_the_story_ends_with_an_identical_rebuild(story: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = story
    assert done.returncode == 0, done.stdout
    rebuild = done.stdout.partition("$ repro rebuild ")[2]
    assert re.search(r"\bidentical\b", rebuild), done.stdout
    assert not re.search(r"\b(different|undetermined)\b", rebuild), done.stdout


def test_the_story_leaves_nothing_behind(story: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, temporary = story
    assert done.returncode == 0, done.stdout
    assert list(temporary.iterdir()) == []


def test_the_story_names_an_argument_that_it_does_not_know(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(STORY), "--fast"], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode != 0
    assert "--fast" in done.stderr
    assert done.stdout == ""
