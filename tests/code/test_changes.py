from __future__ import annotations

import os
import subprocess

from repro.code.changes import changed_paths, unified_diff
from repro.code.object_reader import blob_at, mode_at
from tests.code.git_repository import GitRepository


def _change(repository: GitRepository) -> tuple[str, str]:
    repository.write("turned/inner.txt", b"x\n")
    repository.write("linked", b"a file\n")
    before = repository.commit()
    repository.write("a.txt", b"two\n")
    repository.write("new/deep.txt", b"deep\n")
    os.unlink(repository.root / "src/main.py")
    os.chmod(repository.root / "run.sh", 0o644)
    os.unlink(repository.root / "turned/inner.txt")
    os.rmdir(repository.root / "turned")
    repository.write("turned", b"a file now\n")
    os.unlink(repository.root / "linked")
    os.symlink("a.txt", repository.root / "linked")
    repository.write("raw.bin", bytes(range(256)))
    repository.write(".repro/runs/one.yaml")
    return before, repository.commit()


def test_changes_are_named_by_path_and_kind(repository: GitRepository) -> None:
    before, after = _change(repository)
    assert [(change.path, change.kind) for change in changed_paths(repository.path, before, after)] == [
        (b"a.txt", "modified"),
        (b"linked", "modified"),
        (b"new/deep.txt", "added"),
        (b"raw.bin", "added"),
        (b"run.sh", "modified"),
        (b"src/main.py", "deleted"),
        (b"turned", "added"),
        (b"turned/inner.txt", "deleted"),
    ]
    assert changed_paths(repository.path, after, after) == ()


def test_the_patch_applies_with_git(repository: GitRepository) -> None:
    repository.write("a.txt", b"one\nno newline at the end")
    before = repository.commit()
    repository.write("a.txt", b"two\nno newline at the end")
    repository.write("src/main.py", b"print(2)\n" * 3)
    repository.write("new.txt", b"new\n")
    os.unlink(repository.root / "run.sh")
    os.symlink("a.txt", repository.root / "run.sh")
    after = repository.commit()
    patch = unified_diff(repository.path, before, after)
    repository.git("checkout", "-q", before)
    subprocess.run(["git", "-C", repository.path, "apply", "--index", "-"], input=patch, check=True)
    assert repository.git("write-tree") == repository.git("rev-parse", after + "^{tree}")


def test_the_patch_leaves_records_out_and_does_not_print_binaries(repository: GitRepository) -> None:
    before, after = _change(repository)
    patch = unified_diff(repository.path, before, after)
    assert b".repro" not in patch
    assert b"Binary files /dev/null and b/raw.bin differ" in patch


def test_a_file_is_read_from_a_commit(repository: GitRepository) -> None:
    before, after = _change(repository)
    assert blob_at(repository.path, before, b"src/main.py") == b"print(1)\n"
    assert blob_at(repository.path, after, b"linked") == b"a.txt"
    assert [mode_at(repository.path, after, path) for path in (b"linked", b"new", b"run.sh")] == [
        0o120000,
        0o040000,
        0o100644,
    ]
    for path in (b"src/main.py", b"new", b"new/none", b"a.txt/below"):
        assert blob_at(repository.path, after, path) is None
