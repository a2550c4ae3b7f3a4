"""The index, and how it differs from a commit, against what git itself says of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.code.files_in_git import CommittedFiles, StagedFiles
from repro.code.index_file import BadIndex, parse_index
from repro.code.object_reader import tree_of
from repro.code.repository import open_repository
from tests.code.git_repository import GitRepository, init


@pytest.fixture
def repo(tmp_path: Path) -> GitRepository:
    found = init(tmp_path / "repo")
    for name in ("a/b/c", "a/b/d", "a/x", "a.b/y", "a0", "z/long" + "g" * 200, "z/q" * 40, b"odd \xff\n name"):
        found.write(name, name if isinstance(name, bytes) else name.encode())
    found.commit("one")
    return found


def changed(repo: GitRepository, base: str) -> None:
    """Compare our differences with git's."""
    with open_repository(repo.path) as opened:
        files = StagedFiles(opened, repo.path + "/.git/index")
        ours = {
            (c.path, c.before.oid if c.before else None, c.after.oid if c.after else None)
            for c in files.changes(tree_of(opened, base).strip())
        }
        listed = {(file.path, file.oid) for file in files.below(b"")}
        inside = {file.path for file in files.below(b"a")}
        found = {path: files.file(path) for path, _ in listed}
    assert ours == _differences(repo.git("diff-index", "--cached", "--raw", "-z", "--no-abbrev", base))
    expected = repo.git("ls-files", "-s", "-z").split("\0")[:-1]
    paths = {
        (line.partition("\t")[2].encode("utf-8", "surrogateescape"), line.split(" ")[1].encode()) for line in expected
    }
    assert listed == paths
    assert inside == {path for path, _ in paths if path.startswith(b"a/")}
    assert {(path, file.oid) for path, file in found.items() if file} == paths
    assert len(found) == len(paths)


def _differences(raw: str) -> set[tuple[bytes, bytes | None, bytes | None]]:
    parts = raw.split("\0")[:-1]
    found = set()
    for line, path in zip(parts[::2], parts[1::2], strict=True):
        _, _, old, new, _ = line.split(" ")
        named = [None if oid == "0" * 40 else oid.encode() for oid in (old, new)]
        found.add((path.encode("utf-8", "surrogateescape"), named[0], named[1]))
    return found


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("extension", ["cached trees", "none"])
def test_differences_are_those_of_git(repo: GitRepository, version: str, extension: str) -> None:
    base = repo.git("rev-parse", "HEAD")
    if extension == "none":
        (Path(repo.path) / ".git" / "index").unlink()
        repo.git("add", "-A")
    repo.git("update-index", "--index-version", version)
    changed(repo, base)
    repo.write("a/b/c", b"other")
    repo.write("a/new/deep", b"new")
    repo.write("a.c", b"new")
    repo.git("rm", "-q", "a/x", "a.b/y")
    repo.write("a.b", b"a file where a folder was")
    repo.git("rm", "-q", "a0")
    repo.write("a0/in", b"a folder where a file was")
    repo.git("add", "-A")
    changed(repo, base)
    repo.git("commit", "-q", "-m", "two")
    changed(repo, base)
    changed(repo, repo.git("rev-parse", "HEAD"))
    repo.git("rm", "-q", "-r", "a")
    changed(repo, base)
    repo.git("rm", "-q", "-r", "--cached", ".")
    changed(repo, base)


def test_a_sparse_index_is_read_as_if_it_were_whole(repo: GitRepository) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "z")
    with open_repository(repo.path) as opened:
        files = StagedFiles(opened, repo.path + "/.git/index")
        assert list(files.changes(tree_of(opened, base))) == []
        assert {file.path for file in files.below(b"a/b")} == {b"a/b/c", b"a/b/d"}
        found = files.file(b"a/b/c")
        assert found == CommittedFiles(opened, tree_of(opened, base)).file(b"a/b/c")
        assert files.file(b"a/b") is None
        assert files.file(b"a/nothing") is None
        other = opened.object_store.add_object
        assert other is not None
        empty = list(files.changes(None))
    assert {change.path for change in empty} >= {b"a/b/c", b"a/x"}


def test_two_commits_differ_as_git_says(repo: GitRepository) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.write("a/b/c", b"other")
    repo.git("rm", "-q", "-r", "z")
    repo.write("z", b"a file where a folder was")
    tip = repo.commit("two")
    with open_repository(repo.path) as opened:
        files = CommittedFiles(opened, tree_of(opened, tip))
        changes = list(files.changes(tree_of(opened, base)))
        assert files.file(b"a/b/c/d") is None
        assert files.file(b"a") is None
        assert list(files.below(b"nothing")) == []
    ours = {(c.path, c.before.oid if c.before else None, c.after.oid if c.after else None) for c in changes}
    assert ours == _differences(repo.git("diff-tree", "-r", "--raw", "-z", "--no-abbrev", base, tip))


@pytest.mark.parametrize("data", [b"", b"DIRC", b"XXXX" + b"\0" * 40, b"DIRC\0\0\0\x09" + b"\0" * 40])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(BadIndex):
        parse_index(data)


def test_an_index_that_is_cut_off_is_refused_wherever_it_is_cut(repo: GitRepository) -> None:
    data = (Path(repo.path) / ".git" / "index").read_bytes()
    count = len(parse_index(data).paths)
    for length in range(12, len(data) - 200, 7):
        try:
            assert len(parse_index(data[:length]).paths) == count
        except BadIndex:
            continue
