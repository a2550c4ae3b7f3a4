"""Packs, indexes and chunks of a remote with one disease each: the finding, its exit code, and the repair."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.model.data.content import Content, Kind
from repro.model.data.pointer import Pointer, render_pointer
from repro.model.digest import digest_of, hex_of
from repro.model.packs.chunk_list import START_BYTES
from repro.model.packs.pack import HEAD_BYTES
from repro.store.cache.cache import Cache
from repro.store.remote.objects import RemoteObjects
from tests.broken import packed
from tests.broken.packed import LARGE, SMALL, VICTIM, Packed, code, kinds

OBJECT, PACK, INDEX = ["corrupt-object"], ["corrupt-pack"], ["corrupt-index"]


def a_damaged_chunk(place: Path) -> None:
    path, found = packed.place_of(place, _chunk(place))
    packed.flip(path, found.offset + HEAD_BYTES + 10)


def a_damaged_list_of_chunks(place: Path) -> None:
    path, found = packed.place_of(place, LARGE)
    packed.flip(path, found.offset + HEAD_BYTES + START_BYTES + 3)


def _chunk(place: Path) -> bytes:
    objects = RemoteObjects(Packed(place.parent).remote, str(place.parent / "other"))
    digest = next(objects.chunks(digest_of(LARGE)))[0][0]
    return objects.read(digest, 10**7)


DISEASES = [
    (packed.a_flipped_byte_in_a_payload, OBJECT),
    (packed.a_flipped_byte_in_the_digest_of_a_head, OBJECT),
    (packed.a_flipped_byte_in_the_length_in_a_head, OBJECT),
    (a_damaged_chunk, OBJECT * 2),  # the chunk, and the object that it is of
    (a_damaged_list_of_chunks, OBJECT),
    (packed.a_flipped_byte_in_the_magic, PACK),
    (packed.a_pack_under_a_wrong_name, PACK),
    (packed.trailing_bytes, PACK),
    (packed.an_empty_pack, PACK),
    (packed.a_flipped_byte_in_an_index, INDEX),
    (packed.an_empty_index, INDEX),
    (packed.an_index_of_another_version, [*INDEX, "wrong-index-list"]),
    (packed.an_index_that_is_not_sorted, [*INDEX, "wrong-index-list"]),
    (packed.an_index_with_two_places_exchanged, [*INDEX, "wrong-index-list"]),
]


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed-far")
    made = packed.make(folder)
    (made.far / "pointers").mkdir(exist_ok=True)
    for number, data in enumerate((*SMALL, LARGE)):
        content = Content(Kind.FILE, len(data), digest_of(data))
        pointer = render_pointer(Pointer(b"f%d" % number, content))
        (made.far / "pointers" / hex_of(digest_of(pointer))).write_bytes(pointer)
    return folder


@pytest.fixture
def far(original: Path, tmp_path: Path) -> Packed:
    for name in ("store", "far"):
        shutil.copytree(original / name, tmp_path / name)
    (tmp_path / "repro.yaml").write_text("")
    return Packed(tmp_path)


def comes_back(far: Packed) -> bool:
    """Whether somebody else can read everything from the remote."""
    objects = RemoteObjects(far.remote, str(Cache(str(far.folder / "bobs")).root))
    objects.heed_condemned()
    return all(objects.read(digest_of(data), 10**8) == data for data in (*SMALL, LARGE))


def test_a_sound_remote_has_no_findings_in_full_and_quickly(far: Packed) -> None:
    for quick in (False, True):
        found = far.fsck(far.far, quick=quick)
        assert (found.findings, found.information) == ((), ())
        assert found.bytes == len(LARGE) + sum(map(len, SMALL)), "large objects count once, not with their chunks"


def test_who_needs_a_large_object_needs_its_chunks(far: Packed) -> None:
    a_damaged_chunk(far.far)
    name = f"f{len(SMALL)}"
    assert [finding.path for finding in far.fsck(far.far).findings] == [name, name]
    for repaired in (one for one in far.fsck(far.far, repair=True).repaired if one.kind == "corrupt-object"):
        assert (repaired.hint, "no record" in repaired.detail) == (None, False)


@pytest.mark.parametrize(("befall", "expected"), DISEASES, ids=lambda one: getattr(one, "__name__", None))
def test_each_disease_has_its_finding_and_is_healed(
    far: Packed, befall: Callable[[Path], None], expected: list[str]
) -> None:
    befall(far.far)
    before = sorted(path.name for path in far.far.rglob("*"))
    found = far.fsck(far.far)
    assert [kind for kind in kinds(found.findings) if kind != "missing-object"] == expected
    assert code(found) == 4
    assert sorted(path.name for path in far.far.rglob("*")) == before
    repaired = far.fsck(far.far, repair=True)
    assert repaired.findings == ()
    assert set(expected) <= set(kinds(repaired.repaired))
    again = far.fsck(far.far)
    assert (again.findings, again.information) == ((), ())
    assert comes_back(far)


def test_a_remote_whose_indexes_are_all_lost_is_found_lacking_and_healed(far: Packed) -> None:
    packed.index_of(far.far).unlink()
    found = far.fsck(far.far)
    assert set(kinds(found.findings)) == {"missing-object", "wrong-index-list"}
    assert set(kinds(found.information)) == {"unindexed-pack"}
    assert far.fsck(far.far, repair=True).findings == ()
    assert comes_back(far)


def test_a_missing_chunk_is_named_and_sent_again(far: Packed) -> None:
    path, _ = packed.place_of(far.far, LARGE)  # large objects share no pack with small ones
    chunk, _ = packed.place_of(far.far, _chunk(far.far))
    assert path == chunk
    path.unlink()
    found = far.fsck(far.far)
    assert (kinds(found.findings), kinds(found.information)) == (["missing-object"], ["missing-pack"])
    assert far.fsck(far.far, repair=True).findings == ()
    assert comes_back(far)


def test_a_damaged_pack_is_condemned_only_when_nothing_of_it_is_lost(far: Packed) -> None:
    packed.a_flipped_byte_in_a_payload(far.far)
    shutil.rmtree(far.here)
    found = far.fsck(far.far, repair=True)
    assert kinds(found.findings) == ["corrupt-object"]
    assert not (far.far / "condemned").exists() or not list((far.far / "condemned").iterdir())


def test_a_pack_of_which_nothing_can_be_read_is_sent_again(far: Packed) -> None:
    pack, found = packed.place_of(far.far, VICTIM)
    packed.change(pack, b"x" * found.pack.length)
    answer = far.fsck(far.far)
    assert kinds(answer.findings) == [*OBJECT * len(SMALL), *PACK]
    assert code(answer) == 4
    assert far.fsck(far.far, repair=True).findings == ()
    assert far.fsck(far.far).findings == ()
    assert comes_back(far)


def test_a_pack_that_may_hold_the_only_copy_of_anything_is_not_condemned(far: Packed) -> None:
    _, found = packed.place_of(far.far, VICTIM)
    pack, _ = packed.place_of(far.far, VICTIM)
    packed.change(pack, b"x" * found.pack.length)  # nothing of it can be read, and the pointers are lost as well
    shutil.rmtree(far.far / "pointers")
    shutil.rmtree(far.here)
    repaired = far.fsck(far.far, repair=True)
    assert "corrupt-pack" in kinds(repaired.findings)
    assert not (far.far / "condemned").exists()
    assert pack.exists()


def test_of_a_condemned_pack_a_copy_is_kept_here_and_it_stays_there(far: Packed) -> None:
    pack, _ = packed.place_of(far.far, VICTIM)
    packed.a_flipped_byte_in_the_salt(far.far)
    wrong = pack.read_bytes()
    far.fsck(far.far, repair=True)
    assert pack.read_bytes() == wrong
    assert wrong in [path.read_bytes() for path in (far.here / "quarantine").iterdir()]
    (condemned,) = (far.far / "condemned").iterdir()
    assert f"packs/{pack.name}\n" in condemned.read_text()


def test_a_damaged_pointer_and_a_damaged_condemnation_are_named(far: Packed) -> None:
    pointer = sorted((far.far / "pointers").iterdir())[0]
    packed.flip(pointer, -3)
    (far.far / "condemned").mkdir(exist_ok=True)
    (far.far / "condemned" / "x").write_text("what?")
    found = far.fsck(far.far)
    assert kinds(found.findings) == ["bad-condemned", "bad-pointer"]
    assert code(found) == 4


def test_an_index_list_that_is_behind_is_written_again(far: Packed) -> None:
    (far.far / "index-list").write_text("")
    assert kinds(far.fsck(far.far).findings) == ["wrong-index-list"]
    assert far.fsck(far.far, repair=True).findings == ()
    assert far.fsck(far.far).findings == ()
