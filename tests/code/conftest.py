from __future__ import annotations

from pathlib import Path

import pytest

from tests.code.git_repository import GitRepository, init


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that nobody's git settings decide a test."""
    place = tmp_path / "home"
    place.mkdir()
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
        monkeypatch.setenv(f"GIT_{role}_DATE", "1700000000 +0200")
    return place


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """A repository with one commit of three files, one of them executable, one in a directory."""
    repository = init(tmp_path / "project")
    repository.write("a.txt", b"one\n")
    repository.write("run.sh", b"#!/bin/sh\n", 0o755)
    repository.write("src/main.py", b"print(1)\n")
    repository.commit()
    return repository
