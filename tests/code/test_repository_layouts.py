from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.code.kept_commits import keep_commit
from repro.code.repository import BareRepository, NotARepository, UnsupportedRepository
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository, init

_LOCAL = ("-c", "protocol.file.allow=always")


def _with_submodule(repository: GitRepository, tmp_path: Path) -> GitRepository:
    library = init(tmp_path / "library")
    library.write("lib.py", b"lib\n")
    library.commit()
    repository.git(*_LOCAL, "submodule", "add", "-q", library.path, "vendor/lib")
    repository.commit()
    return GitRepository(repository.root / "vendor/lib")


def test_a_git_worktree_records_into_the_common_repository(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "second tree"), "-b", "second")
    second = GitRepository(tmp_path / "second tree")
    second.write("a.txt", b"other\n")
    taken = snapshot_work_tree(second.path)
    keep_commit(second.path, "run-1", taken.commit)
    assert taken.branch == "second"
    assert repository.git("rev-parse", "refs/repro/run-1") == taken.commit
    assert taken.tree == second.oracle_tree()
    assert not snapshot_work_tree(repository.path).dirty


def test_info_exclude_of_the_main_repository_counts_in_a_worktree(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "second"))
    repository.write(".git/info/exclude", b"*.tmp\n")
    second = GitRepository(tmp_path / "second")
    second.write("x.tmp")
    assert not snapshot_work_tree(second.path).dirty


def test_a_detached_head_has_no_branch(repository: GitRepository) -> None:
    repository.git("checkout", "-q", "--detach")
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    assert taken.branch is None
    assert repository.git("rev-parse", taken.commit + "^") == taken.head


def test_a_shallow_clone_can_be_recorded(repository: GitRepository, tmp_path: Path) -> None:
    repository.write("a.txt", b"two\n")
    repository.commit()
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.path}", str(tmp_path / "shallow"))
    shallow = GitRepository(tmp_path / "shallow")
    assert not snapshot_work_tree(shallow.path).dirty
    shallow.write("a.txt", b"three\n")
    taken = snapshot_work_tree(shallow.path)
    assert shallow.git("rev-list", "--count", taken.commit) == "2"


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_index_version_is_read(repository: GitRepository, version: str) -> None:
    repository.write("src/a.py")
    repository.write("src/ab.py")
    repository.git("add", "-A")
    repository.git("update-index", "--index-version", version)
    if version == "3":
        repository.write("later.py")
        repository.git("add", "-N", "later.py")
    before = repository.untouchables()
    assert snapshot_work_tree(repository.path).tree == repository.oracle_tree()
    assert repository.untouchables() == before


def test_packed_refs_and_packed_objects_are_read(repository: GitRepository) -> None:
    repository.write("a.txt", b"one\n" * 100)
    repository.commit()
    repository.git("gc", "-q")
    assert not snapshot_work_tree(repository.path).dirty


def test_objects_of_an_alternate_are_not_written_again(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("clone", "-q", "--shared", repository.path, str(tmp_path / "shared"))
    shared = GitRepository(tmp_path / "shared")
    os.utime(shared.root / "a.txt")
    assert not snapshot_work_tree(shared.path).dirty
    assert shared.git("count-objects").startswith("0 objects")


def test_a_split_index_is_refused_in_words(repository: GitRepository) -> None:
    repository.git("update-index", "--split-index")
    repository.write("b.txt")
    repository.git("add", "b.txt")
    with pytest.raises(UnsupportedRepository, match="split") as caught:
        snapshot_work_tree(repository.path)
    assert caught.value.hint is not None
    assert "--no-split-index" in caught.value.hint


def test_a_sparse_checkout_is_recorded_as_it_lies_there_with_a_finding(repository: GitRepository) -> None:
    repository.git("sparse-checkout", "set", "--no-cone", "/a.txt")
    taken = snapshot_work_tree(repository.path)
    assert repository.files_in(taken.commit) == ["a.txt"]
    assert [found.kind for found in taken.findings] == ["sparse-checkout"]


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    bare = init(tmp_path / "bare.git", "--bare")
    with pytest.raises(BareRepository):
        snapshot_work_tree(bare.path)


def test_a_worktree_of_a_bare_repository_is_not_bare(repository: GitRepository, tmp_path: Path) -> None:
    repository.git("clone", "-q", "--bare", repository.path, str(tmp_path / "bare.git"))
    GitRepository(tmp_path / "bare.git").git("worktree", "add", "-q", str(tmp_path / "tree"))
    assert not snapshot_work_tree(str(tmp_path / "tree")).dirty


def test_a_directory_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="not the top of a git repository"):
        snapshot_work_tree(str(tmp_path))


def test_a_sha256_repository_is_refused(tmp_path: Path) -> None:
    repository = init(tmp_path / "modern", "--object-format=sha256")
    with pytest.raises(UnsupportedRepository, match="sha256"):
        snapshot_work_tree(repository.path)


def test_an_unknown_extension_is_refused(repository: GitRepository) -> None:
    repository.git("config", "core.repositoryformatversion", "1")
    repository.git("config", "extensions.partialClone", "origin")
    with pytest.raises(UnsupportedRepository, match="partialClone"):
        snapshot_work_tree(repository.path)


def test_a_clean_submodule_leaves_the_tree_clean(repository: GitRepository, tmp_path: Path) -> None:
    library = _with_submodule(repository, tmp_path)
    taken = snapshot_work_tree(repository.path)
    assert not taken.dirty
    assert [(found.path, found.commit) for found in taken.submodules] == [
        (b"vendor/lib", library.git("rev-parse", "HEAD"))
    ]


def test_a_dirty_submodule_is_recorded_by_a_commit_of_its_own(repository: GitRepository, tmp_path: Path) -> None:
    library = _with_submodule(repository, tmp_path)
    library.write("lib.py", b"changed\n")
    before = repository.untouchables()
    taken = snapshot_work_tree(repository.path)
    assert repository.untouchables() == before
    assert taken.dirty
    (inner,) = taken.submodules
    assert repository.git("rev-parse", taken.commit + ":vendor/lib") == inner.commit
    assert library.git("cat-file", "blob", inner.commit + ":lib.py") == "changed"
    keep_commit(repository.path, "run-1", taken.commit)
    assert library.git("rev-parse", "refs/repro/run-1") == inner.commit


def test_a_submodule_in_a_submodule_is_recorded_with_its_whole_path(repository: GitRepository, tmp_path: Path) -> None:
    library = _with_submodule(repository, tmp_path)
    library.git(*_LOCAL, "submodule", "add", "-q", str(tmp_path / "library"), "inner")
    library.write("inner/lib.py", b"deep\n")
    taken = snapshot_work_tree(repository.path)
    assert [found.path for found in taken.submodules] == [b"vendor/lib", b"vendor/lib/inner"]
    keep_commit(repository.path, "run-1", taken.commit)
    inner = GitRepository(library.root / "inner")
    assert inner.git("rev-parse", "refs/repro/run-1") == taken.submodules[1].commit


def test_an_uninitialised_submodule_stays_the_link_in_the_index(repository: GitRepository, tmp_path: Path) -> None:
    _with_submodule(repository, tmp_path)
    repository.git("clone", "-q", repository.path, str(tmp_path / "clone"))
    clone = GitRepository(tmp_path / "clone")
    taken = snapshot_work_tree(clone.path)
    assert (taken.dirty, taken.submodules, taken.findings) == (False, (), ())
    clone.write("vendor/lib/stray.txt")
    assert [found.kind for found in snapshot_work_tree(clone.path).findings] == ["submodule-not-initialised"]


def test_an_untracked_repository_is_treated_as_a_submodule(repository: GitRepository) -> None:
    nested = init(repository.root / "nested")
    nested.write("n.txt", b"n")
    head = nested.commit()
    nested.write("n.txt", b"changed")
    taken = snapshot_work_tree(repository.path)
    assert repository.git("ls-tree", taken.commit, "nested").startswith("160000 commit")
    assert nested.git("rev-parse", taken.submodules[0].commit + "^") == head


def test_an_ignored_nested_repository_is_left_alone(repository: GitRepository) -> None:
    init(repository.root / "nested").write("n.txt")
    repository.write(".gitignore", b"nested/\n")
    repository.commit()
    assert not snapshot_work_tree(repository.path).dirty
