from __future__ import annotations

import pytest

from repro.code.kept_commits import BadRunName, RefLocked, keep_commit
from repro.code.repository import MissingCommit
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository

RUN = "20261123-021300-7f3kq2mz"


def test_a_kept_commit_survives_gits_gc(repository: GitRepository) -> None:
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    keep_commit(repository.path, RUN, taken.commit)
    repository.git("gc", "-q", "--prune=now")
    assert repository.git("rev-parse", f"refs/repro/{RUN}") == taken.commit
    repository.git("rev-list", "--objects", taken.commit)  # fails where one is missing


def test_without_the_ref_gc_takes_the_commit(repository: GitRepository) -> None:
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    repository.git("gc", "-q", "--prune=now")
    assert taken.commit not in repository.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")


def test_keeping_writes_one_ref_and_no_reflog(repository: GitRepository) -> None:
    repository.git("config", "core.logAllRefUpdates", "always")
    before = repository.untouchables()
    keep_commit(repository.path, RUN, repository.git("rev-parse", "HEAD"))
    new = repository.untouchables().keys() - before.keys()
    assert new == {f"{repository.path}/.git/refs/repro/{RUN}"}
    assert {path: repository.untouchables()[path] for path in before} == before


def test_keeping_twice_is_as_keeping_once(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    keep_commit(repository.path, RUN, head)
    keep_commit(repository.path, RUN, head)
    assert repository.git("rev-parse", f"refs/repro/{RUN}") == head


@pytest.mark.parametrize("name", ["../../heads/main", "a/b", "a..b", "", "x.lock", "a b"])
def test_a_name_that_is_no_ref_is_refused(repository: GitRepository, name: str) -> None:
    with pytest.raises(BadRunName):
        keep_commit(repository.path, name, repository.git("rev-parse", "HEAD"))


def test_a_commit_that_is_not_there_is_not_kept(repository: GitRepository) -> None:
    with pytest.raises(MissingCommit):
        keep_commit(repository.path, RUN, "1" * 40)


def test_a_locked_ref_is_said_to_be_locked(repository: GitRepository) -> None:
    repository.write(f".git/refs/repro/{RUN}.lock")
    with pytest.raises(RefLocked, match=RUN):
        keep_commit(repository.path, RUN, repository.git("rev-parse", "HEAD"))
