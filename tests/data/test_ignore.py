import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from repro.data.ignore import BadIgnoreFile, ignore_data, ignore_line
from repro.data.pointer import pointer_path_of
from repro.model.names import RelPath
from tests.data.random_trees import NAMES

_HARD = [
    b"data", b"#x", b"!x", b"a b ", b" ", b"tab\t", b"\\", b"a\\b", b"*", b"a?b", b"[ab]", b"new\nline", b"cr\r",
    b"\xff\xfe", b"-", b"n" * 255, "é".encode(), b"a\\ ", b"  ", b"x\\\n", b'"quoted"', b"**", b"end/."[:3],
]  # fmt: skip


def _git(where: Path, *arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    environ = {"PATH": os.environ["PATH"], "HOME": str(where), "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C"}
    environ["GIT_CONFIG_SYSTEM"] = "/dev/null"
    return subprocess.run(["git", *arguments], cwd=where, env=environ, input=given, capture_output=True)


def _ignored(where: Path, path: bytes) -> bool:
    done = _git(where, "check-ignore", "-z", "--stdin", given=b"./" + path + b"\0")  # a bare `:` is pathspec magic
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert _git(tmp_path, "init", "-q").returncode == 0
    return tmp_path


@pytest.mark.parametrize("name", _HARD)
def test_git_ignores_the_data_and_not_its_pointer(project: Path, name: bytes) -> None:
    (project / "sub").mkdir()
    path = RelPath(b"sub/" + name)
    (project / os.fsdecode(path)).write_bytes(b"")
    assert ignore_data(str(project), path)
    assert _ignored(project, path)
    assert not _ignored(project, pointer_path_of(path))
    assert not _ignored(project, b"sub/other/" + name)  # anchored


@settings(max_examples=60, deadline=None)
@given(name=NAMES)
def test_a_line_matches_its_name(tmp_path_factory: pytest.TempPathFactory, name: bytes) -> None:
    project = tmp_path_factory.mktemp("ignore")
    _git(project, "init", "-q")
    ignore_data(str(project), RelPath(name))
    assert _ignored(project, name)


def test_the_second_time_changes_nothing(project: Path) -> None:
    assert ignore_data(str(project), RelPath(b"data"))
    before = (project / ".gitignore").stat()
    assert not ignore_data(str(project), RelPath(b"data"))
    assert (project / ".gitignore").stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"*.pyc\n", b"*.pyc\n/data\n"),
        (b"*.pyc", b"*.pyc\n/data\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n/data\r\n"),
        (b"", b"/data\n"),
    ],
)
def test_what_is_there_stays_with_its_line_endings(project: Path, old: bytes, new: bytes) -> None:
    (project / ".gitignore").write_bytes(old)
    (project / ".gitignore").chmod(0o600)
    ignore_data(str(project), RelPath(b"data"))
    assert (project / ".gitignore").read_bytes() == new
    assert (project / ".gitignore").stat().st_mode & 0o777 == 0o600
    assert _ignored(project, b"data")


def test_an_ignore_file_that_is_a_link_is_refused(project: Path) -> None:
    (project / "elsewhere").write_bytes(b"")
    os.symlink("elsewhere", project / ".gitignore")
    with pytest.raises(BadIgnoreFile, match="symbolic link"):
        ignore_data(str(project), RelPath(b"data"))


def test_a_line_is_one_line() -> None:
    assert ignore_line(b"a\nb") == b"/a?b"
