from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from repro.code.code_pack import write_pack
from repro.code.git_objects import BadGitObject
from repro.code.restore import restore_commit
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository

_KILLED_AT = """
import os, signal, sys
left = [int(sys.argv[1])]
def hook(event, arguments):
    if event == "os.rename":
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
"""
_SNAPSHOT = "from repro.code.snapshot import snapshot_work_tree as s; sys.addaudithook(hook); s(sys.argv[2])"
_RESTORE = "from repro.code.restore import restore_commit as r; sys.addaudithook(hook); r(*sys.argv[2:])"


def _run(script: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-c", _KILLED_AT + script, *arguments], check=False).returncode


@pytest.mark.parametrize(("files", "rename"), [(3, 1), (3, 2), (3, 5), (300, 1), (300, 2)])
def test_a_snapshot_killed_at_any_step_leaves_the_repository_whole(
    repository: GitRepository, files: int, rename: int
) -> None:
    for number in range(files):
        repository.write(f"new/{number}", b"%d" % number)
    before = repository.untouchables()
    assert _run(_SNAPSHOT, str(rename), repository.path) == -signal.SIGKILL
    assert repository.untouchables() == before
    repository.git("fsck", "--strict", "--no-dangling")
    taken = snapshot_work_tree(repository.path)
    assert taken.tree == repository.oracle_tree()
    repository.git("fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize("rename", [1, 2])
def test_a_killed_restore_cannot_be_taken_for_a_repository(
    repository: GitRepository, tmp_path: Path, rename: int
) -> None:
    head = repository.git("rev-parse", "HEAD")
    with open(tmp_path / "code.pack", "wb") as file:
        write_pack(repository.path, head, file)
    back = str(tmp_path / "back")
    assert _run(_RESTORE, str(rename), head, str(tmp_path / "code.pack"), back) == -signal.SIGKILL
    result = subprocess.run(["git", "-C", back, "rev-parse", "HEAD"], capture_output=True, check=False)
    assert result.returncode != 0


@pytest.mark.parametrize(("files", "size"), [(1, 1 << 16), (300, 1 << 16), (300, 1 << 10)])
def test_a_full_disk_leaves_no_files_behind(repository: GitRepository, files: int, size: int) -> None:
    for number in range(files):
        repository.write(f"new/{number}", os.urandom(size))
    objects = sorted(str(path) for path in (repository.root / ".git/objects").rglob("*") if path.is_file())
    before = repository.untouchables()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            snapshot_work_tree(repository.path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert repository.untouchables() == before
    assert sorted(str(path) for path in (repository.root / ".git/objects").rglob("*") if path.is_file()) == objects


def test_a_disk_that_fills_up_during_a_restore_leaves_nothing(repository: GitRepository, tmp_path: Path) -> None:
    repository.write("large", bytes(1 << 20))
    taken = snapshot_work_tree(repository.path)
    with open(tmp_path / "code.pack", "wb") as file:
        write_pack(repository.path, taken.commit, file)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(OSError, match="large") as caught:
            restore_commit(taken.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert caught.value.filename == str(tmp_path / "back/large")
    assert not (tmp_path / "back").exists()


def test_a_damaged_object_is_named_and_never_packed(repository: GitRepository, tmp_path: Path) -> None:
    blob = repository.git("rev-parse", "HEAD:src/main.py")
    other = repository.git("rev-parse", "HEAD:a.txt")
    objects = repository.root / ".git/objects"
    path = objects / blob[:2] / blob[2:]
    for damage in ((objects / other[:2] / other[2:]).read_bytes(), path.read_bytes()[:12], b"junk"):
        path.unlink()
        path.write_bytes(damage)
        with open(tmp_path / "code.pack", "wb") as file, pytest.raises(BadGitObject, match=blob):
            write_pack(repository.path, repository.git("rev-parse", "HEAD"), file)


@pytest.mark.parametrize("files", [1, 300])
def test_objects_are_readable_for_whom_the_umask_and_the_sharing_say(repository: GitRepository, files: int) -> None:
    def modes() -> set[int]:
        found = (repository.root / ".git/objects").rglob("*")
        return {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()}

    for path in (repository.root / ".git/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o400)
    old = os.umask(0o077)
    try:
        for number in range(files):
            repository.write(f"private/{number}", b"private %d" % number)
        snapshot_work_tree(repository.path)
        assert modes() == {0o400}
        repository.git("config", "core.sharedRepository", "group")
        for number in range(files):
            repository.write(f"shared/{number}", b"shared %d" % number)
        snapshot_work_tree(repository.path)
        assert modes() == {0o400, 0o440}
    finally:
        os.umask(old)
