"""Packs and indexes of the store with one disease each: the finding, its exit code, and the repair."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.model.digest import digest_of, hex_of
from tests.broken import packed
from tests.broken.packed import VICTIM, Packed, code, kinds

ROOT = Path(__file__).parents[2]
OBJECT, PACK, INDEX = ["corrupt-object"], ["corrupt-pack"], ["corrupt-index"]

DISEASES = [
    (packed.a_flipped_byte_in_a_payload, OBJECT),
    (packed.a_flipped_byte_in_the_digest_of_a_head, OBJECT),
    (packed.a_flipped_byte_in_the_length_in_a_head, OBJECT),
    (packed.a_flipped_byte_in_the_padding_of_a_head, OBJECT),
    (packed.a_flipped_byte_in_the_magic, PACK),
    (packed.a_pack_under_a_wrong_name, PACK),
    (packed.trailing_bytes, PACK),
    (packed.a_truncated_pack, OBJECT + PACK),
    (packed.an_empty_pack, PACK),
    (packed.a_folder_in_place_of_a_pack, PACK),
    (packed.a_link_in_place_of_a_pack, PACK),
    (packed.a_flipped_byte_in_an_index, INDEX),
    (packed.an_empty_index, INDEX),
    (packed.a_folder_in_place_of_an_index, INDEX),
    (packed.an_index_of_another_version, INDEX),
    (packed.an_index_that_is_not_sorted, INDEX),
    (packed.an_index_with_two_places_exchanged, INDEX),
    (packed.an_index_that_names_an_object_that_is_not_there, INDEX),
    (packed.a_missing_index, ["unindexed-pack"]),
    (packed.strange_files, ["stray-file", "stray-file"]),
]


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    packed.make(folder)
    return folder


@pytest.fixture
def store(original: Path, tmp_path: Path) -> Packed:
    for name in ("store", "far"):
        shutil.copytree(original / name, tmp_path / name)
    (tmp_path / "repro.yaml").write_text(f"remotes:\n  far:\n    url: {tmp_path / 'far'}\n")
    return Packed(tmp_path)


def test_a_sound_store_has_no_findings_in_full_and_quickly(store: Packed) -> None:
    for quick in (False, True):
        found = store.fsck(quick=quick)
        assert (found.findings, found.information) == ((), ())
        assert (found.objects, found.bytes) == (151, sum(map(len, (*packed.SMALL, packed.LARGE))))


@pytest.mark.parametrize(("befall", "expected"), DISEASES, ids=lambda one: getattr(one, "__name__", None))
def test_each_disease_has_its_finding_and_is_healed(
    store: Packed, befall: Callable[[Path], None], expected: list[str]
) -> None:
    befall(store.here)
    before = sorted(path.name for path in store.here.rglob("*"))
    found = store.fsck()
    assert kinds(found.findings) == expected
    assert code(found) == (4 if expected[0].startswith("corrupt") else 1)
    assert sorted(path.name for path in store.here.rglob("*")) == before
    repaired = store.fsck(repair=True)
    assert (kinds(repaired.findings), repaired.findings) == ([], ())
    assert set(expected) <= set(kinds(repaired.repaired))
    again = store.fsck()
    assert again.findings == ()
    assert not {"missing-pack"} & set(kinds(again.information))


@pytest.mark.parametrize(("befall", "expected"), [one for one in DISEASES if one[1] != ["corrupt-object"]])
def test_what_is_not_lost_is_healed_without_anybody(
    store: Packed, befall: Callable[[Path], None], expected: list[str]
) -> None:
    store.lose_remote()
    shutil.rmtree(store.far)
    befall(store.here)
    lossy = (packed.a_truncated_pack, packed.an_empty_pack, packed.a_folder_in_place_of_a_pack)
    store.fsck(repair=True)
    assert store.fsck().findings == ()
    if befall not in (*lossy, packed.a_link_in_place_of_a_pack):
        assert store.has_all()


def test_a_damaged_record_is_named_with_its_pack_offset_and_object(store: Packed) -> None:
    pack, found = packed.place_of(store.here, VICTIM)
    packed.a_flipped_byte_in_a_payload(store.here)
    (finding,) = store.fsck().findings
    assert all(part in finding.detail for part in (pack.name, f"at {found.offset} ", digest_of(VICTIM)))


def test_of_a_damaged_pack_only_the_damaged_record_comes_from_elsewhere(store: Packed) -> None:
    pack, _ = packed.place_of(store.here, VICTIM)
    packed.a_flipped_byte_in_a_payload(store.here)
    wrong = pack.read_bytes()
    store.lose_remote()
    repaired = store.fsck(repair=True)
    assert [(one.kind, digest_of(VICTIM) in one.detail) for one in repaired.findings] == [("missing-object", True)]
    assert not pack.exists()
    assert [path.read_bytes() for path in (store.here / "quarantine").iterdir()] == [wrong]
    assert all(store.cache.has(digest_of(data)) == (data != VICTIM) for data in packed.SMALL)


def test_a_damaged_record_whose_other_copy_is_sound_costs_nothing(store: Packed) -> None:
    with store.cache.batch() as sink:
        for number in range(100):
            sink.add_bytes(b"other %d" % number)
    packed.a_flipped_byte_in_a_payload(store.here)
    store.cache.store_alone(VICTIM, store.cache.ref_of(digest_of(VICTIM)))
    store.lose_remote()
    assert kinds(store.fsck().findings) == ["corrupt-object"]
    assert store.fsck(repair=True).findings == ()
    assert store.has_all()


def test_what_a_reader_found_damaged_is_trusted_again_after_the_repair(store: Packed) -> None:
    packed.a_flipped_byte_in_a_payload(store.here)
    cache = store.cache
    with pytest.raises(Exception, match="damaged"):
        cache.read(cache.ref_of(digest_of(VICTIM)))
    assert (store.here / "damaged" / hex_of(digest_of(VICTIM))).exists()
    assert store.fsck(repair=True).findings == ()
    assert not list((store.here / "damaged").iterdir())
    assert store.has_all()


def test_a_pack_that_is_gone_is_information_and_comes_back_from_a_remote_where_it_is_needed(store: Packed) -> None:
    packed.an_index_that_also_names_a_pack_that_is_not_there(store.here)
    found = store.fsck()
    assert (kinds(found.findings), kinds(found.information)) == ([], ["missing-pack"])
    assert store.fsck(repair=True).findings == ()
    assert store.fsck().information == ()


@pytest.mark.parametrize("befall", [one for one, kind in DISEASES if kind == OBJECT] + [packed.trailing_bytes])
def test_a_quick_check_sees_damaged_records(store: Packed, befall: Callable[[Path], None]) -> None:
    befall(store.here)
    assert code(store.fsck(quick=True)) == 4


def test_a_quick_check_does_not_see_wrong_bytes_of_the_right_length_in_a_large_file(store: Packed) -> None:
    path = Path(store.cache.path_of(digest_of(packed.LARGE)))
    packed.flip(path, 1000)
    assert store.fsck(quick=True).findings == ()
    assert kinds(store.fsck().findings) == ["corrupt-object"]


def test_a_tree_whose_children_are_not_there_is_not_named_again(store: Packed) -> None:
    from repro.model.data.content import Content, Kind
    from repro.model.data.tree import Entry, encode_tree

    absent = Content(Kind.FILE, 3, digest_of(b"abs"))
    present = Content(Kind.FILE, len(VICTIM), digest_of(VICTIM))
    bad, good = encode_tree([Entry(b"a", absent)]), encode_tree([Entry(b"a", present)])
    with store.cache.batch() as sink:
        for data in (bad, good, *(b"other %d" % number for number in range(100))):
            sink.add_bytes(data)
    for index in (store.here / "indexes").iterdir():
        index.unlink()
    assert kinds(store.fsck().findings) == ["unindexed-pack", "unindexed-pack"]
    store.fsck(repair=True)
    assert store.has_all()
    assert (store.cache.has(digest_of(good)), store.cache.has(digest_of(bad))) == (True, False)


_AS_ANOTHER = """
import os, sys
from pathlib import Path
from tests.broken.packed import Packed, kinds
print(*kinds(Packed(Path(sys.argv[1])).fsck().findings))
"""


@pytest.mark.parametrize(("folder", "expected"), [("packs", "unreadable-pack"), ("indexes", "unreadable-index")])
def test_what_may_not_be_read_is_not_called_corrupt(store: Packed, folder: str, expected: str) -> None:
    (path,) = (store.here / folder).iterdir()
    path.chmod(0)
    powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all") if os.getuid() == 0 else ()
    command = [*powerless, sys.executable, "-c", _AS_ANOTHER, str(store.folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == [expected], done.stderr
    assert path.exists()
