from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository

_NAMES = [
    "a.log", "keep.log", "dir/a.log", "dir/keep.log", "dir/sub/x.py", "build/out.bin", "build/keep.txt", "src/build/x",
    "docs/a.pdf", "docs/deep/a.pdf", "data/one.csv", "data/raw/two.csv", "archive.tar.gz", "b.gz", ".hidden",
    "dir/.hidden", "#hash", "!bang", "trail ", "foo/bar/baz.c", "x/foo/bar/baz.c", "file[1].txt", "temp1", "temp2",
    "UPPER.LOG", "other/a.log", "deep/er/keep.log", "\u017c.log", "dir/gen/keep.me",
]  # fmt: skip

_RULES = {
    "endings, names and negations": {".gitignore": b"*.log\n!keep.log\n.hidden\n"},
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
    "comments, blanks, line ends": {".gitignore": b"# all\n\n   \n*.log\r\n.hidden   \n"},
    "a byte order mark": {".gitignore": b"\xef\xbb\xbf*.log\n"},
    "classes": {".gitignore": b"temp[12]\n*.[l]og\n"},
    "a broken class matches nothing": {".gitignore": b"temp[\n*.log\n"},
    "case counts": {".gitignore": b"*.LOG\n"},
    "info/exclude": {".git/info/exclude": b"*.log\ndata/\n"},
    "gitignore beats info/exclude": {".git/info/exclude": b"*.log\n", ".gitignore": b"!keep.log\n"},
    "only what is not": {".gitignore": b"*\n!*/\n!*.py\n"},
}


@pytest.mark.parametrize("rules", _RULES.values(), ids=_RULES.keys())
def test_ignoring_is_gits_own(repository: GitRepository, rules: dict[str, bytes]) -> None:
    for name in _NAMES:
        repository.write(name)
    for name, data in rules.items():
        repository.write(name, data)
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


def test_a_gitignore_that_is_a_symlink_is_not_followed(repository: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(b"*.log\n")
    os.symlink(tmp_path / "rules", repository.root / ".gitignore")
    repository.write("a.log")
    assert "a.log" in repository.files_in(snapshot_work_tree(repository.path).commit)


def test_a_tracked_file_below_an_ignored_directory_is_code(repository: GitRepository) -> None:
    repository.write("out/kept.bin")
    repository.commit()
    repository.write(".gitignore", b"out/\n")
    repository.write("out/other.bin")
    files = repository.files_in(snapshot_work_tree(repository.path).commit)
    assert "out/kept.bin" in files
    assert "out/other.bin" not in files


def test_what_programs_leave_behind_is_no_code_unless_git_tracks_it(repository: GitRepository) -> None:
    repository.write("__pycache__/kept.txt")
    repository.commit()
    left = ("__pycache__/a.pyc", "deep/__pycache__/b.pyc", ".ipynb_checkpoints/n.ipynb", "a.swp", "env/pyvenv.cfg")
    for name in (*left, "env/bin/python", "deep/code.py"):
        repository.write(name)
    snapshot = snapshot_work_tree(repository.path)
    files = repository.files_in(snapshot.commit)
    assert "__pycache__/kept.txt" in files
    assert "deep/code.py" in files
    assert not [name for name in (*left, "env/bin/python") if name in files]
