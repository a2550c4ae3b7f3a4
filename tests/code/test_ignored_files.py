from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.code.ignored_files import ignored_files
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository, init

_NAMES = [
    "a.log", "keep.log", "dir/a.log", "dir/keep.log", "dir/sub/x.py", "build/out.bin", "build/keep.txt", "src/build/x",
    "docs/a.pdf", "docs/deep/a.pdf", "data/one.csv", "data/raw/two.csv", "archive.tar.gz", "b.gz", ".env", "dir/.env",
    "#hash", "!bang", "trail ", "foo/bar/baz.c", "x/foo/bar/baz.c", "file[1].txt", "temp1", "temp2", "UPPER.LOG",
    "other/a.log", "deep/er/keep.log", "\u017c.log", "dir/gen/keep.me",
]  # fmt: skip

_RULES = {
    "endings, names and negations": {".gitignore": b"*.log\n!keep.log\n.env\n"},
    "a directory only": {".gitignore": b"build/\n"},
    "anchored": {".gitignore": b"/build\n/a.log\ndocs/*.pdf\n"},
    "contents but one": {".gitignore": b"/build/*\n!/build/keep.txt\n"},
    "nothing comes back from an ignored directory": {".gitignore": b"build\n!build/keep.txt\n"},
    "two stars": {".gitignore": b"**/foo/bar\ndata/**/*.csv\n"},
    "two stars at the end": {".gitignore": b"data/**\n!data/raw/\n"},
    "an ending of two parts": {".gitignore": b"*.tar.gz\n"},
    "the nearer file wins": {
        ".gitignore": b"*.log\n",
        "dir/.gitignore": b"!*.log\n",
        "deep/.gitignore": b"!keep.log\n",
    },
    "the nearer file hides": {"dir/.gitignore": b"/sub\ngen/*\n!gen/keep.me\n"},
    "escapes": {".gitignore": b"\\#hash\n\\!bang\ntrail\\ \nfile\\[1\\].txt\n"},
    "comments, blanks, line ends": {".gitignore": b"# all\n\n   \n*.log\r\n.env   \n"},
    "a byte order mark": {".gitignore": b"\xef\xbb\xbf*.log\n"},
    "classes": {".gitignore": b"temp[12]\n*.[l]og\n"},
    "a broken class matches nothing": {".gitignore": b"temp[\n*.log\n"},
    "case counts": {".gitignore": b"*.LOG\n"},
    "info/exclude": {".git/info/exclude": b"*.log\ndata/\n"},
    "gitignore beats info/exclude": {".git/info/exclude": b"*.log\n", ".gitignore": b"!keep.log\n"},
    "only what is not": {".gitignore": b"*\n!*/\n!*.py\n"},
}


def _settled(repository: GitRepository) -> list[bytes]:
    listed = repository.git("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
    return sorted(os.fsencode(name) for name in listed.split("\0") if name)


@pytest.mark.parametrize("rules", _RULES.values(), ids=_RULES.keys())
def test_ignoring_is_gits_own(repository: GitRepository, rules: dict[str, bytes]) -> None:
    for name in _NAMES:
        repository.write(name)
    for name, data in rules.items():
        repository.write(name, data)
    assert sorted(path for path, _ in ignored_files(repository.path)) == _settled(repository)
    assert snapshot_work_tree(repository.path).tree == repository.oracle_tree()


def test_the_users_own_excludes_count(repository: GitRepository, home: Path) -> None:
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/ignore").write_bytes(b"*.log\n")
    repository.write("a.log")
    assert not snapshot_work_tree(repository.path).dirty
    (home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (home / "mine").write_bytes(b"*.tmp\n!x.tmp\n")
    repository.write(".git/info/exclude", b"x.tmp\n")
    repository.write("b.tmp")
    repository.write("x.tmp")
    assert snapshot_work_tree(repository.path).tree == repository.oracle_tree()
    assert [path for path, _ in ignored_files(repository.path)] != []
    assert sorted(path for path, _ in ignored_files(repository.path)) == _settled(repository)


def test_a_gitignore_that_is_a_symlink_is_not_followed(repository: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(b"*.log\n")
    os.symlink(tmp_path / "rules", repository.root / ".gitignore")
    repository.write("a.log")
    assert "a.log" in repository.files_in(snapshot_work_tree(repository.path).commit)


def test_ignored_files_come_with_what_lstat_says(repository: GitRepository) -> None:
    repository.write(".gitignore", b"*.log\n")
    repository.write("a.log", b"12345")
    os.symlink("nowhere", repository.root / "link.log")
    os.mkfifo(repository.root / "pipe.log")
    found = dict(ignored_files(repository.path))
    assert {path: status.st_size for path, status in found.items()} == {b"a.log": 5, b"link.log": 7}


def test_records_nested_repositories_and_skipped_names_are_not_searched(repository: GitRepository) -> None:
    repository.write(".gitignore", b"*.log\nnested/\n__pycache__/\nhidden/\n.repro/local\n")
    for name in ("__pycache__/a.log", "x/__pycache__/a.log", ".repro/local/a.log", "hidden/a", "hidden/more/b"):
        repository.write(name)
    init(repository.root / "nested").write("a.log")
    found = sorted(path for path, _ in ignored_files(repository.path, skip={b"__pycache__"}))
    assert found == [b"hidden/a", b"hidden/more/b"]


def test_a_tracked_file_below_an_ignored_directory_is_not_ignored(repository: GitRepository) -> None:
    repository.write("out/kept.bin")
    repository.commit()
    repository.write(".gitignore", b"out/\n")
    repository.write("out/other.bin")
    assert [path for path, _ in ignored_files(repository.path)] == [b"out/other.bin"]
