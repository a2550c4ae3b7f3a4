"""What is known of the cache's folders from one look at each."""

import os
from pathlib import Path

import pytest

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.store.cache.freshness import Freshness
from repro.store.cache.loose_objects import LooseObjects


def _ref(number: int) -> ObjectRef:
    return ObjectRef(digest_of(b"%d" % number), len(b"%d" % number))


@pytest.fixture
def objects(tmp_path: Path) -> LooseObjects:
    (tmp_path / "tmp").mkdir()
    return LooseObjects(str(tmp_path), Freshness(str(tmp_path / "uses")))


def test_what_is_stored_after_its_folder_was_looked_at_is_found(objects: LooseObjects) -> None:
    assert not objects.keep_intact(_ref(1))
    assert not objects.keep(_ref(1).digest)
    objects.store(b"1", _ref(1))
    assert objects.keep_intact(_ref(1))
    assert objects.keep(_ref(1).digest)


def test_what_is_taken_over_after_its_folder_was_looked_at_is_found(objects: LooseObjects, tmp_path: Path) -> None:
    assert not objects.keep(_ref(2).digest)
    (tmp_path / "file").write_bytes(b"2")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        objects.take_over(descriptor, _ref(2).digest)
    finally:
        os.close(descriptor)
    assert objects.keep_intact(_ref(2))


def test_what_has_gone_since_its_folder_was_looked_at_is_not_kept(objects: LooseObjects) -> None:
    objects.store(b"3", _ref(3))
    assert objects.keep_intact(_ref(3))
    os.unlink(objects.path_of(_ref(3).digest))
    assert not objects.keep_intact(_ref(3))


def test_of_a_folder_with_many_files_each_is_found(objects: LooseObjects, tmp_path: Path) -> None:
    folder = tmp_path / "objects" / "ab"
    folder.mkdir(parents=True)
    for number in range(300):
        (folder / f"{number:062x}").write_bytes(b"x")
    assert all(objects.keep(Digest(f"b3:ab{number:062x}")) for number in range(300))
    assert not objects.keep(Digest(f"b3:ab{300:062x}"))
