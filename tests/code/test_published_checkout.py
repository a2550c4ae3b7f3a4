from __future__ import annotations

from pathlib import Path

import pytest

from repro.code.published_checkout import published_commit
from tests.code.git_repository import GitRepository, init


@pytest.fixture
def published(repository: GitRepository, tmp_path: Path) -> GitRepository:
    """The repository, pushed to a bare one that is its origin."""
    init(tmp_path / "other").git("clone", "--quiet", "--bare", repository.path, str(tmp_path / "origin.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    repository.git("fetch", "--quiet", "origin")
    return repository


def test_a_clean_checkout_of_a_pushed_commit_is_its_url_and_commit(published: GitRepository, tmp_path: Path) -> None:
    head = published.git("rev-parse", "HEAD").strip()
    assert published_commit(published.path) == (str(tmp_path / "origin.git"), head)


def test_a_commit_that_was_not_pushed_is_not_published(published: GitRepository) -> None:
    published.write("a.txt", b"two\n")
    published.commit()
    assert published_commit(published.path) is None


@pytest.mark.parametrize("name", ["a.txt", "new.txt"])
def test_a_changed_or_new_file_is_not_published(published: GitRepository, name: str) -> None:
    published.write(name, b"something else\n")
    assert published_commit(published.path) is None


def test_without_a_remote_or_a_repository_nothing_is_published(repository: GitRepository, tmp_path: Path) -> None:
    assert published_commit(repository.path) is None
    assert published_commit(str(tmp_path)) is None
