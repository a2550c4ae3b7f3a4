from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from repro.code import checkout
from repro.code.code_pack import write_pack
from repro.code.repository import MissingCommit
from repro.code.restore import SubmodulePack, TargetNotEmpty, restore_commit
from repro.code.snapshot import UnsafeName, snapshot_work_tree
from repro.code.untrusted_pack import BadCodePack
from tests.code.git_repository import GitRepository, init


def _pack(root: str, commit: str, path: Path) -> str:
    with open(path, "wb") as file:
        write_pack(root, commit, file)
    return str(path)


def _round_trip(repository: GitRepository, tmp_path: Path) -> GitRepository:
    taken = snapshot_work_tree(repository.path)
    submodules = [
        SubmodulePack(inner.path, inner.commit, _pack(inner.root, inner.commit, tmp_path / f"{number}.pack"))
        for number, inner in enumerate(taken.submodules)
    ]
    pack = _pack(repository.path, taken.commit, tmp_path / "code.pack")
    restore_commit(taken.commit, pack, str(tmp_path / "back"), submodules)
    restored = GitRepository(tmp_path / "back")
    assert restored.git("rev-parse", "HEAD") == taken.commit
    assert restored.git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    for settings in ((), ("-c", "core.autocrlf=true"), ("-c", "core.autocrlf=false")):
        assert restored.git(*settings, "status", "--porcelain") == ""
    assert restored.git("fsck", "--strict") == ""
    return restored


def test_a_dirty_tree_comes_back_with_the_same_commit_id(repository: GitRepository, tmp_path: Path) -> None:
    repository.write("a.txt", b"two\n")
    repository.write("new tool.sh", b"#!/bin/sh\n", 0o755)
    repository.write(b"deep/er/latin-\xe9\n.bin", bytes(range(256)))
    repository.write("empty")
    os.symlink("/nowhere/at/all", repository.root / "dangling")
    restored = _round_trip(repository, tmp_path)
    for folder, folders, files in os.walk(repository.path):
        if ".git" in folders:
            folders.remove(".git")
        for name in files:
            here = Path(folder, name)
            there = restored.root / here.relative_to(repository.root)
            if here.is_symlink():
                assert os.readlink(there) == os.readlink(here)
            else:
                assert there.read_bytes() == here.read_bytes()
                assert there.stat().st_mode & 0o100 == here.stat().st_mode & 0o100


def test_a_root_commit_comes_back_and_is_not_shallow(tmp_path: Path) -> None:
    repository = init(tmp_path / "project")
    repository.write("a.txt")
    restored = _round_trip(repository, tmp_path)
    assert restored.git("rev-parse", "--is-shallow-repository") == "false"


def test_a_commit_with_parents_comes_back_shallow(repository: GitRepository, tmp_path: Path) -> None:
    repository.write("a.txt", b"two\n")
    repository.commit()
    restored = _round_trip(repository, tmp_path)
    assert restored.git("rev-list", "--count", "HEAD") == "1"
    assert (restored.root / ".git/shallow").read_text().strip() == repository.git("rev-parse", "HEAD")


def test_an_empty_tree_comes_back(tmp_path: Path) -> None:
    _round_trip(init(tmp_path / "project"), tmp_path)


def test_line_ends_and_filters_change_nothing_on_the_way_back(
    repository: GitRepository, tmp_path: Path, home: Path
) -> None:
    (home / ".gitconfig").write_text('[filter "upper"]\n\tclean = tr a-z A-Z\n\tsmudge = tr A-Z a-z\n')
    repository.write(
        ".gitattributes", b"*.txt text eol=lf ident\n*.up filter=upper\n*.u16 working-tree-encoding=UTF-16\n"
    )
    repository.write("crlf.txt", b"one\r\n$Id$\r\n")
    repository.write("a.up", b"MiXed")
    repository.write("b.u16", b"not utf-16")
    restored = _round_trip(repository, tmp_path)
    os.utime(restored.root / "crlf.txt")
    os.utime(restored.root / "a.up")
    assert restored.git("status", "--porcelain") == ""
    assert (restored.root / "crlf.txt").read_bytes() == b"one\r\n$Id$\r\n"
    assert (restored.root / "a.up").read_bytes() == b"MiXed"


def test_submodules_come_back_each_as_a_checkout(repository: GitRepository, tmp_path: Path) -> None:
    nested = init(repository.root / "nested")
    nested.write("n.txt", b"n")
    nested.commit()
    deeper = init(nested.root / "deep/er")
    deeper.write("d.txt", b"d")
    restored = _round_trip(repository, tmp_path)
    assert (restored.root / "nested/deep/er/d.txt").read_bytes() == b"d"
    assert GitRepository(restored.root / "nested/deep/er").git("fsck", "--strict") == ""


def test_a_submodule_without_a_pack_is_an_empty_directory(repository: GitRepository, tmp_path: Path) -> None:
    init(repository.root / "nested").write("n.txt", b"n")
    taken = snapshot_work_tree(repository.path)
    pack = _pack(repository.path, taken.commit, tmp_path / "code.pack")
    restore_commit(taken.commit, pack, str(tmp_path / "back"))
    assert os.listdir(tmp_path / "back/nested") == []
    assert GitRepository(tmp_path / "back").git("status", "--porcelain") == ""


@pytest.mark.parametrize("path", [b"nested", b"absent", b"../outside", b"/tmp/outside", b"a.txt"])
def test_a_submodule_that_the_code_does_not_name_is_refused(
    repository: GitRepository, tmp_path: Path, path: bytes
) -> None:
    head = repository.git("rev-parse", "HEAD")
    init(repository.root / "nested").write("n.txt", b"n")
    taken = snapshot_work_tree(repository.path)
    pack = _pack(repository.path, taken.commit, tmp_path / "code.pack")
    with pytest.raises(BadCodePack, match="has no submodule"):
        restore_commit(taken.commit, pack, str(tmp_path / "back"), [SubmodulePack(path, head, pack)])
    assert not (tmp_path / "back").exists()
    assert not (tmp_path / "outside").exists()


def test_one_commit_gives_one_sequence_of_bytes(repository: GitRepository) -> None:
    head = repository.git("rev-parse", "HEAD")
    packs = []
    for command in (("status",), ("gc", "-q"), ("repack", "-adq", "--depth=50")):
        repository.git(*command)
        out = io.BytesIO()
        write_pack(repository.path, head, out)
        packs.append(out.getvalue())
    assert packs[0] == packs[1] == packs[2]


def test_the_pack_holds_no_history(repository: GitRepository, tmp_path: Path) -> None:
    old = repository.git("rev-parse", "HEAD")
    repository.write("a.txt", b"two\n")
    pack = _pack(repository.path, repository.commit(), tmp_path / "code.pack")
    other = init(tmp_path / "other")
    other.git("index-pack", "--stdin", data=Path(pack).read_bytes())
    listed = other.git("cat-file", "--batch-all-objects", "--batch-check")
    assert old not in listed
    assert len(listed.splitlines()) == 6


def test_a_pack_of_a_commit_that_is_not_there_is_refused(repository: GitRepository) -> None:
    with pytest.raises(MissingCommit, match=r"1{40}"):
        write_pack(repository.path, "1" * 40, io.BytesIO())


def test_restoring_takes_an_empty_directory_and_no_other(repository: GitRepository, tmp_path: Path) -> None:
    head = repository.git("rev-parse", "HEAD")
    pack = _pack(repository.path, head, tmp_path / "code.pack")
    (tmp_path / "empty").mkdir()
    restore_commit(head, pack, str(tmp_path / "empty"))
    for target in (tmp_path / "empty", tmp_path / "code.pack"):
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(TargetNotEmpty):
            restore_commit(head, pack, str(target))
        assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "empty/a.txt").exists()


@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupt_leaves_nothing_behind(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    head = repository.git("rev-parse", "HEAD")
    pack = _pack(repository.path, head, tmp_path / "code.pack")
    back = tmp_path / "back"
    if existing:
        back.mkdir()
    leaf = checkout.Checkout._leaf

    def interrupt(self: checkout.Checkout, parent: int, entry: object, path: bytes) -> None:
        if path.startswith(b"src"):
            raise KeyboardInterrupt
        leaf(self, parent, entry, path)  # type: ignore[arg-type]

    monkeypatch.setattr(checkout.Checkout, "_leaf", interrupt)
    with pytest.raises(KeyboardInterrupt):
        restore_commit(head, pack, str(back))
    assert back.exists() == existing
    assert not existing or os.listdir(back) == []


def test_nothing_is_executed_on_the_way_back(repository: GitRepository, tmp_path: Path) -> None:
    repository.write(".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n')
    repository.write("hooks/post-checkout", b"#!/bin/sh\ntouch /nonexistent\n", 0o755)
    taken = snapshot_work_tree(repository.path)
    restore_commit(taken.commit, _pack(repository.path, taken.commit, tmp_path / "p"), str(tmp_path / "back"))
    assert not (tmp_path / "back/.git/hooks").exists()
    assert "hooks" not in (tmp_path / "back/.git/config").read_text()


def test_files_get_the_umask_and_packs_are_read_only(repository: GitRepository, tmp_path: Path) -> None:
    head = repository.git("rev-parse", "HEAD")
    old = os.umask(0o027)
    try:
        restore_commit(head, _pack(repository.path, head, tmp_path / "p"), str(tmp_path / "back"))
    finally:
        os.umask(old)
    modes = {name: stat.S_IMODE(os.stat(tmp_path / "back" / name).st_mode) for name in ("a.txt", "run.sh", "src")}
    assert modes == {"a.txt": 0o640, "run.sh": 0o750, "src": 0o750}
    for path in (tmp_path / "back/.git/objects/pack").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o440


def test_500_levels_of_directories_come_back_and_more_are_refused(tmp_path: Path) -> None:
    repository = init(tmp_path / "project")
    repository.write("d/" * 500 + "f")
    _round_trip(repository, tmp_path)
    repository.write("d/" * 600 + "f")
    with pytest.raises(UnsafeName, match="more than 512 directories"):
        snapshot_work_tree(repository.path)
