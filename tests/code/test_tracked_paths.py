"""The paths that git tracks, as git lists them; read without dulwich where nothing about the repository is unusual."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.code import repository as opening
from repro.code.repository import BareRepository, NotARepository, UnsupportedRepository
from repro.code.tracked_paths import tracked_paths
from tests.code.git_repository import GitRepository, init


def listed(repository: GitRepository) -> list[bytes]:
    names = repository.git("ls-files", "-z").split("\0")[:-1]
    return sorted({name.encode("utf-8", "surrogateescape") for name in names})


@pytest.fixture
def no_dulwich(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("dulwich was asked")

    monkeypatch.setattr(opening, "open_repository", refuse)


@pytest.mark.usefixtures("no_dulwich")
@pytest.mark.parametrize("version", ["2", "4"])
def test_a_plain_index_is_read_without_dulwich(repository: GitRepository, version: str) -> None:
    repository.write(b"odd \xff\n name")
    repository.commit()
    repository.git("update-index", "--index-version", version)
    assert len(tracked_paths(repository.path)) == 4
    assert tracked_paths(repository.path) == listed(repository)


@pytest.mark.usefixtures("no_dulwich")
def test_where_nothing_was_added_nothing_is_tracked(tmp_path: Path) -> None:
    assert tracked_paths(init(tmp_path / "new").path) == []


def test_a_path_in_conflict_is_tracked(repository: GitRepository) -> None:
    base = repository.git("rev-parse", "HEAD")
    repository.write("a.txt", b"theirs\n")
    theirs = repository.commit()
    repository.git("reset", "-q", "--hard", base)
    repository.write("a.txt", b"ours\n")
    ours = repository.commit()
    repository.git("read-tree", "-m", base, ours, theirs)
    assert repository.git("ls-files", "-u")
    assert tracked_paths(repository.path) == listed(repository)
    assert b"a.txt" in tracked_paths(repository.path)


def test_a_worktree_has_an_index_of_its_own(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "second"))
    second = GitRepository(tmp_path / "second")
    second.write("only-here")
    second.git("add", "only-here")
    assert tracked_paths(second.path) == listed(second)
    assert b"only-here" in tracked_paths(second.path)


def test_what_cannot_be_read_is_refused_by_name(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("config", "core.bare", "true")
    with pytest.raises(BareRepository):
        tracked_paths(repository.path)
    repository.git("config", "core.bare", "false")
    repository.git("update-index", "--split-index")
    with pytest.raises(UnsupportedRepository):
        tracked_paths(repository.path)
    other = init(tmp_path / "other", "--object-format=sha256")
    other.write("a")
    other.git("add", "a")
    with pytest.raises(UnsupportedRepository):
        tracked_paths(other.path)
    (other.root / ".git" / "HEAD").unlink()
    with pytest.raises(NotARepository):
        tracked_paths(other.path)


def test_a_cut_off_index_is_refused(repository: GitRepository) -> None:
    index = repository.root / ".git" / "index"
    index.write_bytes(index.read_bytes()[:100])
    with pytest.raises(UnsupportedRepository):
        tracked_paths(repository.path)
