from __future__ import annotations

import os

import pytest

from repro.code import object_writer
from repro.code.pack_format import BLOB
from repro.code.snapshot import snapshot_work_tree
from tests.code.git_repository import GitRepository


def _write_many(repository: GitRepository, folder: str, count: int) -> None:
    """Write `count` files in directories of 100; each hundred are links to one, which is quicker to make."""
    for number in range(count):
        place = os.path.join(repository.path, folder, str(number // 100))
        if number % 100 == 0:
            os.makedirs(place)
            first = place + "/0.txt"
            with open(first, "w") as file:
                file.write(f"{number} in {folder}\n")
        else:
            os.link(first, f"{place}/{number % 100}.txt")


def _packs(repository: GitRepository) -> list[str]:
    return sorted(os.listdir(repository.root / ".git/objects/pack"))


def test_of_20000_tracked_files_none_is_read_and_many_new_ones_make_one_pack(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_many(repository, "tracked", 20_000)
    head = snapshot_work_tree(repository.path).commit
    repository.git("reset", "-q", head)
    repository.git("update-index", "-q", "--refresh")
    blobs = []
    add = object_writer.ObjectWriter.add

    def count(self: object_writer.ObjectWriter, kind: int, data: bytes) -> bytes:
        blobs.extend([data] if kind == BLOB else [])
        return add(self, kind, data)

    monkeypatch.setattr(object_writer.ObjectWriter, "add", count)
    assert snapshot_work_tree(repository.path).commit == head
    assert blobs == []
    before = _packs(repository), repository.git("count-objects")
    for number in range(500):
        repository.write(f"new/{number}.txt", b"%d" % number)
    taken = snapshot_work_tree(repository.path)
    assert len(blobs) == 500
    assert repository.git("count-objects") == before[1]
    assert len(_packs(repository)) == len(before[0]) + 2  # a pack and its index
    again = _packs(repository)
    assert snapshot_work_tree(repository.path) == taken
    assert _packs(repository) == again
    assert taken.tree == repository.oracle_tree()
    repository.git("fsck", "--strict", "--no-dangling")
