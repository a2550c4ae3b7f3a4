from __future__ import annotations

import os

from repro.code.recorded_history import recorded_files
from tests.code.git_repository import GitRepository


def found(repository: GitRepository) -> dict[bytes, set[bytes]]:
    files: dict[bytes, set[bytes]] = {}
    for file in recorded_files(repository.path):
        files.setdefault(file.path, set()).add(file.data)
    return files


def test_pointers_of_all_commits_and_branches_are_found(repository: GitRepository) -> None:
    repository.write("data/a.repro", b"one")
    repository.commit()
    repository.write("data/a.repro", b"two")
    repository.commit()
    repository.git("checkout", "-q", "-b", "other", "HEAD~2")
    repository.write("b.repro", b"other")
    repository.commit()
    assert found(repository) == {b"data/a.repro": {b"one", b"two"}, b"b.repro": {b"other"}}


def test_manifests_are_found_at_the_top_only(repository: GitRepository) -> None:
    repository.write(".repro/runs/20261123-021300-7f3kq2mz.yaml", b"run")
    repository.write("sub/.repro/runs/20261123-021300-7f3kq2mz.yaml", b"elsewhere")
    repository.commit()
    assert found(repository) == {b".repro/runs/20261123-021300-7f3kq2mz.yaml": {b"run"}}


def test_what_is_staged_only_is_found(repository: GitRepository) -> None:
    repository.write("a.repro", b"staged")
    repository.git("add", "a.repro")
    assert found(repository) == {b"a.repro": {b"staged"}}


def test_a_stash_a_tag_and_a_commit_that_only_the_reflog_names_are_found(repository: GitRepository) -> None:
    repository.write("a.repro", b"tagged")
    repository.commit()
    repository.git("tag", "-a", "v1", "-m", "v1")
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.write("a.repro", b"undone")
    repository.commit()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.write("a.txt", b"changed\n")
    repository.write("a.repro", b"stashed")
    repository.git("add", "a.repro")
    repository.git("stash", "-q")
    assert found(repository) == {b"a.repro": {b"tagged", b"undone", b"stashed"}}


def test_the_same_tree_below_two_places_is_read_once_and_a_symlink_is_no_pointer(repository: GitRepository) -> None:
    repository.write("one/a.repro", b"same")
    repository.write("two/a.repro", b"same")
    os.symlink("a.txt", f"{repository.path}/c.repro")
    repository.commit()
    assert [file.data for file in recorded_files(repository.path)] == [b"same"]


def test_a_repository_without_commits_has_none(repository: GitRepository) -> None:
    repository.git("checkout", "-q", "--orphan", "empty")
    repository.git("update-ref", "-d", "refs/heads/main")
    repository.git("rm", "-rq", "--cached", ".")
    repository.git("reflog", "expire", "--expire=now", "--all")
    assert found(repository) == {}


def test_what_a_shallow_clone_lacks_is_passed_over(repository: GitRepository, tmp_path: object) -> None:
    repository.write("a.repro", b"old")
    repository.commit()
    repository.write("a.repro", b"new")
    repository.commit()
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", f"{tmp_path}/shallow")
    assert [file.data for file in recorded_files(f"{tmp_path}/shallow")] == [b"new"]
