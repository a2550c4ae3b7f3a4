from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.code.content_filters import may_convert
from repro.code.snapshot import LARGE, TooLarge, UnsafeName, snapshot_work_tree
from repro.code.work_tree import Unreadable
from tests.code.git_repository import GitRepository, init


@pytest.fixture
def as_nobody(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitRepository]:
    """A repository, and an effective user for whom file modes count even where the tests run as root."""
    snapshot_work_tree(repository.path)  # loads what nobody may not read
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("HOME", folder)
        shutil.copytree(repository.path, folder + "/project", symlinks=True)
        if os.geteuid() != 0:
            yield GitRepository(Path(folder, "project"))
            return
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(os.path.join(place, name), 65534, 65534)
        os.seteuid(65534)
        try:
            yield GitRepository(Path(folder, "project"))
        finally:
            os.seteuid(0)


def test_a_clean_tree_is_head_itself(repository: GitRepository) -> None:
    taken = snapshot_work_tree(repository.path)
    assert taken.commit == taken.head == repository.git("rev-parse", "HEAD")
    assert taken.branch == repository.git("branch", "--show-current")
    assert taken.tree == repository.git("rev-parse", "HEAD^{tree}")
    assert not taken.dirty


def test_a_dirty_tree_becomes_a_commit_on_head(repository: GitRepository) -> None:
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    assert taken.dirty
    assert taken.tree == repository.git("rev-parse", taken.commit + "^{tree}") == repository.oracle_tree()
    assert repository.git("rev-parse", taken.commit + "^") == taken.head == repository.git("rev-parse", "HEAD")
    assert repository.git("cat-file", "blob", taken.commit + ":a.txt") == "two"
    assert repository.git("fsck", "--strict", "--no-dangling") == ""


def test_the_commit_names_no_person_and_has_heads_time(repository: GitRepository) -> None:
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    shown = repository.git("show", "-s", "--format=%an <%ae> %ad|%cn <%ce> %cd", "--date=raw", taken.commit)
    assert shown == "repro <repro@localhost> 1700000000 +0000|repro <repro@localhost> 1700000000 +0000"


def test_untracked_files_are_in_it_and_ignored_ones_are_not(repository: GitRepository) -> None:
    repository.write(".gitignore", b"*.log\n/out/\n")
    repository.write("new/deep/file.py")
    repository.write("x.log")
    repository.write("out/model.bin")
    taken = snapshot_work_tree(repository.path)
    files = repository.files_in(taken.commit)
    assert "new/deep/file.py" in files
    assert ".gitignore" in files
    assert not {"x.log", "out/model.bin"} & set(files)
    assert taken.tree == repository.oracle_tree()


def test_a_tracked_file_is_in_it_even_if_ignored_now(repository: GitRepository) -> None:
    repository.write("out/kept.bin", b"kept")
    repository.commit()
    repository.write(".gitignore", b"out/\n")
    repository.write("out/kept.bin", b"changed")
    repository.write("out/other.bin")
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "blob", taken.commit + ":out/kept.bin") == "changed"
    assert "out/other.bin" not in repository.files_in(taken.commit)


def test_a_deleted_file_is_not_in_it(repository: GitRepository) -> None:
    os.unlink(repository.root / "src/main.py")
    taken = snapshot_work_tree(repository.path)
    assert repository.files_in(taken.commit) == ["a.txt", "run.sh"]


def test_what_is_staged_does_not_count_but_what_is_on_disk_does(repository: GitRepository) -> None:
    repository.write("a.txt", b"staged\n")
    repository.git("add", "a.txt")
    repository.write("a.txt", b"on disk\n")
    repository.write("b.txt", b"")
    repository.git("add", "-N", "b.txt")
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "blob", taken.commit + ":a.txt") == "on disk"
    assert repository.git("cat-file", "-s", taken.commit + ":b.txt") == "0"


def test_index_head_refs_reflog_and_files_stay_untouched(repository: GitRepository) -> None:
    repository.write("a.txt", b"staged\n")
    repository.git("add", "a.txt")
    repository.write("a.txt", b"on disk\n")
    repository.write("new.txt")
    before = repository.untouchables()
    snapshot_work_tree(repository.path)
    assert repository.untouchables() == before


def test_the_same_work_tree_gives_the_same_commit_in_another_clone(repository: GitRepository) -> None:
    taken = []
    for name in ("here", "there"):
        repository.git("clone", "-q", repository.path, f"{repository.path}-{name}")
        clone = GitRepository(repository.root.with_name(f"project-{name}"))
        clone.write("z.txt", b"z")
        clone.write("b/c.txt", b"c")
        taken.append(snapshot_work_tree(clone.path).commit)
    assert taken[0] == taken[1]


def test_an_executable_bit_is_taken_from_the_disk(repository: GitRepository) -> None:
    repository.git("config", "core.fileMode", "false")
    os.chmod(repository.root / "a.txt", 0o755)
    os.chmod(repository.root / "run.sh", 0o644)
    taken = snapshot_work_tree(repository.path)
    assert repository.git("ls-tree", taken.commit, "a.txt").startswith("100755")
    assert repository.git("ls-tree", taken.commit, "run.sh").startswith("100644")


def test_symlinks_are_links_whether_they_dangle_or_name_a_directory(repository: GitRepository) -> None:
    os.symlink("nowhere", repository.root / "dangling")
    os.symlink("src", repository.root / "linked")
    os.unlink(repository.root / "a.txt")
    os.symlink(b"run.sh\xff", os.fsencode(repository.root / "a.txt"))
    taken = snapshot_work_tree(repository.path)
    for name in ("dangling", "linked", "a.txt"):
        assert repository.git("ls-tree", taken.commit, name).startswith("120000")
    assert taken.tree == repository.oracle_tree()


@pytest.mark.parametrize(
    "name",
    [b"with space.txt", b"new\nline", b"latin-\xe9.txt", "ünïcode/ж.txt".encode(), b"-dash", b'quo"te', b"a" * 255],
)
def test_a_file_of_any_legal_name_is_recorded(repository: GitRepository, name: bytes) -> None:
    repository.write(name)
    assert snapshot_work_tree(repository.path).tree == repository.oracle_tree()


def test_a_project_whose_path_is_not_utf8_and_has_spaces_works(repository: GitRepository) -> None:
    odd = os.fsencode(repository.path) + b" \xff\n odd"
    os.rename(repository.path, odd)
    with open(odd + b"/new.txt", "wb") as file:
        file.write(b"new")
    assert snapshot_work_tree(os.fsdecode(odd)).dirty


def test_records_are_taken_from_head_so_that_they_never_dirty_the_tree(repository: GitRepository) -> None:
    repository.write(".repro/runs/one.yaml", b"committed")
    repository.commit()
    repository.write(".repro/runs/one.yaml", b"changed")
    repository.write(".repro/runs/two.yaml", b"new")
    assert not snapshot_work_tree(repository.path).dirty
    repository.write("a.txt", b"two\n")
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "blob", taken.commit + ":.repro/runs/one.yaml") == "committed"
    assert ".repro/runs/two.yaml" not in repository.files_in(taken.commit)


def test_a_file_changed_in_the_instant_of_the_index_is_read_again(repository: GitRepository) -> None:
    path = repository.root / "a.txt"
    status = os.stat(path)
    path.write_bytes(b"ONE\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.utime(repository.root / ".git/index", ns=(status.st_mtime_ns, status.st_mtime_ns))
    taken = snapshot_work_tree(repository.path)
    assert repository.git("cat-file", "blob", taken.commit + ":a.txt") == "ONE"


def test_a_same_sized_change_with_the_old_time_put_back_is_seen(repository: GitRepository) -> None:
    path = repository.root / "a.txt"
    status = os.stat(path)
    os.utime(path, ns=(0, status.st_mtime_ns - 10**10))
    repository.git("update-index", "-q", "--refresh")
    status = os.stat(path)
    path.write_bytes(b"ONE\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert snapshot_work_tree(repository.path).dirty


def test_unchanged_tracked_files_are_not_read(repository: GitRepository) -> None:
    for path in ("a.txt", "run.sh", "src/main.py"):
        os.utime(repository.root / path, ns=(0, 10**18))
    repository.git("update-index", "-q", "--refresh")
    script = "import sys; from repro.code.snapshot import snapshot_work_tree as s; print(s(sys.argv[1]).dirty)"
    log = str(repository.root) + "-strace"
    hook = (
        "import sys; log = open(sys.argv[2], 'a'); "
        "sys.addaudithook(lambda event, args: event == 'open' and log.write(repr(args[0]) + '\\n')); "
    )
    result = subprocess.run(
        [sys.executable, "-c", hook + script, repository.path, log], capture_output=True, check=True, text=True
    )
    assert result.stdout == "False\n"
    with open(log) as file:
        opened = file.read()
    assert ".git/index" in opened
    assert "main.py'" not in opened.replace("__main__", "")
    assert "a.txt" not in opened


def test_a_fifo_and_a_socket_are_left_out_with_a_finding(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(repository.root / "pipe")
    monkeypatch.chdir(repository.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
    taken = snapshot_work_tree(repository.path)
    assert not taken.dirty
    assert [(found.kind, found.path) for found in taken.findings] == [
        ("special-file", "pipe"),
        ("special-file", "sock"),
    ]


def test_an_ignored_fifo_needs_no_finding(repository: GitRepository) -> None:
    repository.write(".gitignore", b"pipe\n")
    os.mkfifo(repository.root / "pipe")
    assert snapshot_work_tree(repository.path).findings == ()


def test_a_file_that_cannot_be_read_is_named(as_nobody: GitRepository) -> None:
    as_nobody.write("dir/closed.txt", mode=0o000)
    with pytest.raises(Unreadable, match=r"dir/closed\.txt"):
        snapshot_work_tree(as_nobody.path)


def test_a_directory_that_cannot_be_listed_is_named(as_nobody: GitRepository) -> None:
    as_nobody.write("closed/file")
    os.chmod(as_nobody.root / "closed", 0o000)
    try:
        with pytest.raises(Unreadable, match="closed"):
            snapshot_work_tree(as_nobody.path)
    finally:
        os.chmod(as_nobody.root / "closed", 0o755)


def test_an_ignored_file_that_cannot_be_read_does_no_harm(as_nobody: GitRepository) -> None:
    as_nobody.write("secret.key", mode=0o000)
    as_nobody.write(".gitignore", b"*.key\n")
    assert snapshot_work_tree(as_nobody.path).dirty


def test_a_file_that_vanishes_under_the_walk_is_not_there(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("going.txt")

    def vanish(*arguments: object) -> bool:
        os.unlink(repository.root / "going.txt")
        return may_convert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("repro.code.snapshot.may_convert", vanish)
    assert not snapshot_work_tree(repository.path).dirty


@pytest.mark.parametrize("name", [".GIT/config", "git~1", "dir/.Git"])
def test_a_name_that_git_would_not_check_out_is_refused(repository: GitRepository, name: str) -> None:
    repository.write(name)
    with pytest.raises(UnsafeName, match=name.split("/")[-1].replace("config", "GIT")):
        snapshot_work_tree(repository.path)


def test_a_tracked_name_that_would_not_come_back_is_refused_too(repository: GitRepository) -> None:
    repository.git("config", "core.protectNTFS", "false")
    repository.write("GIT~1")
    repository.commit()
    with pytest.raises(UnsafeName, match="GIT~1"):
        snapshot_work_tree(repository.path)


def test_a_large_untracked_file_is_named_as_data_and_left_out(repository: GitRepository) -> None:
    repository.write("small.bin", b"x")
    repository.write("sub/large.bin", b"")
    os.truncate(repository.root / "sub/large.bin", LARGE + 1)
    snapshot = snapshot_work_tree(repository.path)
    assert snapshot.large == (b"sub/large.bin",)
    assert "small.bin" in repository.files_in(snapshot.commit)
    assert "sub/large.bin" not in repository.files_in(snapshot.commit)


def test_a_file_too_large_for_code_is_refused_unread(repository: GitRepository) -> None:
    repository.write("weights.bin", b"")
    repository.commit()
    os.truncate(repository.root / "weights.bin", (4 << 30) + 1)
    with pytest.raises(TooLarge, match=r"weights\.bin") as caught:
        snapshot_work_tree(repository.path)
    assert caught.value.hint == "track it as data: repro add weights.bin"


def test_a_directory_replaced_by_a_file_and_the_reverse(repository: GitRepository) -> None:
    os.unlink(repository.root / "src/main.py")
    os.rmdir(repository.root / "src")
    repository.write("src", b"now a file")
    os.unlink(repository.root / "a.txt")
    repository.write("a.txt/inner", b"now a directory")
    assert snapshot_work_tree(repository.path).tree == repository.oracle_tree()


def test_a_conflicted_merge_is_recorded_as_it_lies_there(repository: GitRepository) -> None:
    repository.git("checkout", "-q", "-b", "other")
    repository.write("a.txt", b"theirs\n")
    repository.commit()
    repository.git("checkout", "-q", "-")
    repository.write("a.txt", b"ours\n")
    repository.commit()
    subprocess.run(["git", "-C", repository.path, "merge", "other"], capture_output=True, check=False)
    taken = snapshot_work_tree(repository.path)
    assert "<<<<<<<" in repository.git("cat-file", "blob", taken.commit + ":a.txt")


def test_a_repository_without_a_commit_gives_a_root_commit(tmp_path: Path) -> None:
    repository = init(tmp_path / "unborn", "-b", "trunk")
    repository.write("a.txt")
    taken = snapshot_work_tree(repository.path)
    assert (taken.head, taken.branch, taken.dirty) == (None, "trunk", True)
    assert repository.git("rev-list", "--parents", taken.commit) == taken.commit
    assert taken.tree == repository.oracle_tree()


def test_an_empty_repository_gives_the_empty_tree(tmp_path: Path) -> None:
    repository = init(tmp_path / "empty")
    taken = snapshot_work_tree(repository.path)
    assert taken.tree == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert repository.git("fsck", "--strict", "--no-dangling") == ""
