"""What a capture found in the store is not looked for one by one the next time, and whatever has gone comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.data.memo import opened_memo
from repro.model.data.content import Content, Kind
from repro.model.digest import digest_of
from repro.model.names import RelPath
from repro.model.packs.witness import MOST_APART, Witness, decode_witness
from repro.store.cache.cache import Cache
from repro.store.cache.discard import object_files_of
from repro.store.cache.pack_loose import pack_loose
from repro.store.cache.recall import _MOST_GONE
from repro.store.files.digest_only import DigestOnly
from tests.data.remembering import Remembering
from tests.store.test_batch import damage

DATA = RelPath(b"data")
UNKNOWN = bytes(32)


@pytest.fixture
def project(tmp_path: Path) -> Remembering:
    """A hundred files in four directories: their objects go into one pack."""
    for number in range(100):
        file = tmp_path / "data" / f"d{number % 4}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"%d\n" % number)
    return Remembering(tmp_path)


def cache_of(project: Remembering) -> Cache:
    """As another process sees it."""
    return Cache(project.root + "/cache")


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be some seconds later, when the files' times can be trusted."""
    clock = time.time_ns() + 10_000_000_000
    monkeypatch.setattr("repro.data.capture.now_ns", lambda: clock)


def witness(project: Remembering) -> Witness | None:
    with opened_memo(str(project.memos), DATA) as memo:
        assert memo is not None
        return decode_witness(memo.witness)


def believes(project: Remembering) -> bool:
    """Whether the store answers for what was remembered without a look: then it says Yes to what it never had."""
    with opened_memo(str(project.memos), DATA) as memo:
        assert memo is not None
        with cache_of(project).recalling(memo.witness) as recalled:
            return recalled.has_all(UNKNOWN)


def assert_all_is_in(cache: Cache, content: Content) -> None:
    assert content.digest is not None
    if content.kind is Kind.DIRECTORY:
        for entry in cache.read_tree(content.digest):
            assert_all_is_in(cache, entry.content)
    else:
        cache.verify(cache.ref_of(content.digest))


def changed(project: Remembering, *numbers: int) -> None:
    for number in numbers:
        Path(project.root, "data", f"d{number % 4}", f"f{number}").write_bytes(b"changed %d\n" % number)


def stored(project: Remembering) -> list[Path]:
    return [path for folder in ("packs", "indexes", "objects") for path in _files(Path(project.root, "cache", folder))]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_first_capture_is_vouched_for_by_the_packs_that_it_made(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    found = witness(project)
    assert found is not None
    assert (len(found.packs), len(found.indexes), found.apart) == (1, 1, b"")
    assert believes(project)


def test_what_was_stored_outside_of_packs_is_asked_for_one_by_one(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, 5, 6)
    project.capture(DATA, cache_of(project))
    found = witness(project)
    assert found is not None
    assert len(found.apart) == 32 * (2 + 2 + 1), "two files, their directories, the whole"
    assert bytes.fromhex(digest_of(b"changed 5\n")[3:]) in found.apart
    assert believes(project)


def test_whichever_file_of_the_store_has_gone_what_was_in_it_comes_back(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, 5, 6)
    whole = project.capture(DATA, cache_of(project))
    files = stored(project)
    assert len(files) == 2 + 5
    for file in files:
        file.unlink()
        assert project.capture(DATA, cache_of(project)) == whole
        assert_all_is_in(cache_of(project), whole.content)


@pytest.mark.parametrize("folder", ["packs", "indexes"])
def test_packs_and_indexes_that_have_gone_vouch_for_nothing(
    project: Remembering, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    [file] = _files(Path(project.root, "cache", folder))
    file.unlink()
    assert not believes(project)


def test_of_what_has_gone_only_that_is_asked_for(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, 5)
    project.capture(DATA, cache_of(project))
    gone = digest_of(b"changed 5\n")
    os.unlink(cache_of(project).path_of(gone))
    with opened_memo(str(project.memos), DATA) as memo:
        assert memo is not None
        with cache_of(project).recalling(memo.witness) as recalled:
            assert recalled.has_all(UNKNOWN)
            assert not recalled.has_all(UNKNOWN + bytes.fromhex(gone[3:]))
            left = decode_witness(recalled.witness())
    assert left is not None
    assert bytes.fromhex(gone[3:]) not in left.apart


def test_what_was_only_hashed_is_stored_later_and_the_rest_is_not_asked_for(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, *range(3))
    project.capture(DATA, DigestOnly())  # as `status` does
    found = witness(project)
    assert found is not None
    assert len(found.apart) == 32 * (3 + 3 + 1)
    whole = project.capture(DATA, cache_of(project))
    assert_all_is_in(cache_of(project), whole.content)
    assert believes(project)


def test_where_much_has_gone_each_object_is_asked_for(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, *range(_MOST_GONE + 1))
    project.capture(DATA, DigestOnly())
    assert not believes(project)
    whole = project.capture(DATA, cache_of(project))
    assert_all_is_in(cache_of(project), whole.content)
    assert believes(project)


def test_nobody_vouches_for_more_that_lies_apart_than_is_soon_asked_for(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    with cache.recalling(b"") as recalled:
        for number in range(MOST_APART):
            recalled.note(number.to_bytes(32, "big"))
        assert recalled.witness()
        recalled.note(UNKNOWN)
        assert not recalled.witness()


def test_indexes_that_were_merged_vouch_for_nothing_until_each_object_was_found_again(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    with cache_of(project).batch() as batch:
        for number in range(100):
            batch.add_bytes(b"other %d" % number)
    assert believes(project), "another index does not matter"
    cache_of(project).trust_packs()  # it makes one index of all
    assert not believes(project)
    whole = project.capture(DATA, cache_of(project))
    assert believes(project)
    assert_all_is_in(cache_of(project), whole.content)
    found = witness(project)
    assert found is not None
    assert len(found.packs) == 1, "only its own pack is kept from a gc"


def test_what_was_put_into_packs_by_a_gc_is_still_there(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    changed(project, 5, 6)
    whole = project.capture(DATA, cache_of(project))
    cache = cache_of(project)
    pack_loose(cache, list(object_files_of(cache.root)))
    assert not list(object_files_of(cache.root))
    assert believes(project)
    assert project.capture(DATA, cache_of(project)) == whole
    assert_all_is_in(cache_of(project), whole.content)


def test_a_damaged_record_is_made_good_by_an_unchanged_file(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    whole = project.capture(DATA, cache_of(project))
    assert damage(cache_of(project), b"7\n").exists()
    with pytest.raises(Exception, match="is damaged"):
        assert_all_is_in(cache_of(project), whole.content)
    assert not believes(project)
    assert project.capture(DATA, cache_of(project)) == whole
    assert_all_is_in(cache_of(project), whole.content)


def test_packs_that_vouch_are_kept_from_a_gc(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch)
    project.capture(DATA, cache_of(project))
    [pack] = _files(Path(project.root, "cache", "packs"))
    os.utime(pack, (0, 0))
    project.capture(DATA, cache_of(project))
    assert pack.stat().st_mtime > time.time() - 60
