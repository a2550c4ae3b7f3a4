from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.code.object_writer import ObjectWriter
from repro.code.pack_format import BLOB
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository

_ON_DISK = b"one\r\ntwo\r\n"

_CASES = {
    "autocrlf": ("config", "core.autocrlf", "true"),
    "autocrlf on input": ("config", "core.autocrlf", "input"),
    "text=auto": (".gitattributes", "* text=auto\n", ""),
    "eol=crlf": (".gitattributes", "*.txt text eol=crlf\n", ""),
    "in a directory": ("sub/.gitattributes", "*.txt text eol=crlf\n", ""),
    "info/attributes": (".git/info/attributes", "*.txt text\n", ""),
    "a macro": (".gitattributes", "[attr]mine text eol=crlf\n*.txt mine\n", ""),
}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES.keys())
def test_the_bytes_on_disk_are_kept_though_git_would_convert_them(
    repository: GitRepository, case: tuple[str, str, str]
) -> None:
    if case[0] == "config":
        repository.git(*case)
    else:
        repository.write(case[0], case[1].encode())
    repository.write("sub/crlf.txt", _ON_DISK)
    repository.commit()
    assert repository.git("cat-file", "-s", "HEAD:sub/crlf.txt") == "8"
    _age(repository)
    taken = snapshot_work_tree(repository.path)
    assert taken.dirty
    assert repository.git("cat-file", "-s", taken.commit + ":sub/crlf.txt") == str(len(_ON_DISK))


def test_a_filter_is_not_run(repository: GitRepository) -> None:
    repository.git("config", "filter.upper.clean", "tr a-z A-Z")
    repository.write(".gitattributes", b"*.txt filter=upper\n")
    repository.write("a.txt", b"lower\n")
    repository.commit()
    assert repository.git("cat-file", "blob", "HEAD:a.txt") == "LOWER"
    _age(repository)
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "blob", taken.commit + ":a.txt") == "lower"


def test_attributes_that_were_deleted_since_still_cast_doubt(repository: GitRepository) -> None:
    repository.write(".gitattributes", b"* text eol=crlf\n")
    repository.write("a.txt", _ON_DISK)
    repository.commit()
    _age(repository)
    (repository.root / ".gitattributes").unlink()
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "-s", taken.commit + ":a.txt") == str(len(_ON_DISK))


def test_the_users_own_attributes_cast_doubt(repository: GitRepository, home: Path) -> None:
    (home / ".gitconfig").write_text("[core]\n\tattributesFile = ~/attributes\n")
    (home / "attributes").write_text("*.txt text\n")
    repository.write("a.txt", _ON_DISK)
    repository.commit()
    _age(repository)
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "-s", taken.commit + ":a.txt") == str(len(_ON_DISK))


@pytest.mark.parametrize(
    ("rules", "read"), [(b"# text\n*.bin -text -diff\n*.png binary\n*.py diff=python\n", 0), (b"*.x text\n", 4)]
)
def test_files_are_read_only_where_an_attribute_may_convert(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, rules: bytes, read: int
) -> None:
    repository.write(".gitattributes", rules)
    repository.commit()
    _age(repository)
    kinds = []
    add = ObjectWriter.add

    def count(self: ObjectWriter, kind: int, data: bytes) -> bytes:
        kinds.append(kind)
        return add(self, kind, data)

    monkeypatch.setattr(ObjectWriter, "add", count)
    assert not snapshot_work_tree(repository.path).dirty
    assert kinds.count(BLOB) == read


def _age(repository: GitRepository) -> None:
    """Make the files older than the index, so that their entries are not racily clean."""
    for folder, folders, files in os.walk(repository.path):
        if ".git" in folders:
            folders.remove(".git")
        for name in files:
            os.utime(os.path.join(folder, name), ns=(0, 10**18))
    repository.git("update-index", "-q", "--really-refresh")
