from __future__ import annotations

import io
import os

import pytest

from repro.code import object_writer
from repro.code.code_pack import write_pack
from repro.code.pack_format import BLOB
from repro.code.restore import restore_commit
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository


def _write_many(repository: GitRepository, folder: str, count: int) -> None:
    for number in range(count):
        place = repository.root / folder / str(number // 100)
        if number % 100 == 0:
            place.mkdir(parents=True)
        (place / f"{number}.txt").write_bytes(b"%d in %s\n" % (number, folder.encode()))


def test_of_20000_tracked_files_none_is_read_and_of_new_ones_one_pack_is_made(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("config", "gc.auto", "0")
    _write_many(repository, "tracked", 20_000)
    head = repository.commit()
    for folder, _, files in os.walk(repository.root / "tracked"):
        for name in files:
            os.utime(os.path.join(folder, name), ns=(0, 10**18))
    repository.git("update-index", "-q", "--refresh")
    blobs = []
    add = object_writer.ObjectWriter.add

    def count(self: object_writer.ObjectWriter, kind: int, data: bytes) -> bytes:
        blobs.extend([data] if kind == BLOB else [])
        return add(self, kind, data)

    monkeypatch.setattr(object_writer.ObjectWriter, "add", count)
    assert snapshot_work_tree(repository.path).commit == head
    assert len(blobs) <= 3  # those written in the instant of the first index
    loose = repository.git("count-objects")
    _write_many(repository, "new", 2_000)
    taken = snapshot_work_tree(repository.path)
    assert repository.git("count-objects") == loose
    assert not [name for name in os.listdir(repository.root / ".git/objects/pack") if name.startswith("tmp")]
    repository.git("fsck", "--no-dangling")
    packs = sorted(os.listdir(repository.root / ".git/objects/pack"))
    assert snapshot_work_tree(repository.path) == taken
    assert sorted(os.listdir(repository.root / ".git/objects/pack")) == packs
    assert taken.tree == repository.oracle_tree()
    out = io.BytesIO()
    write_pack(repository.path, taken.commit, out)
    (repository.root.parent / "code.pack").write_bytes(out.getvalue())
    into = repository.root.parent / "restored"
    restore_commit(taken.commit, str(repository.root.parent / "code.pack"), str(into))
    assert GitRepository(into).git("status", "--porcelain") == ""
