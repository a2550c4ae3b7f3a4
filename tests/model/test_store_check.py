"""What a check of objects decides, without a store."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.finding import Finding
from repro.model.packs.pack import RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.store_check import LookedAt, SoundObjects, Trouble, Use, digest_in_name, exit_code, trouble_with
from repro.model.run_id import RunId

digests = st.binary(min_size=32, max_size=32).map(lambda raw: Digest("b3:" + raw.hex()))


def name_of(digest: Digest) -> str:
    return f"objects/{digest[3:5]}/{digest[5:]}"


@given(st.dictionaries(digests, st.integers(0, 2**63 - 1), max_size=50), st.lists(digests, max_size=10))
def test_the_sound_objects_know_what_was_added_and_nothing_else(added: dict[Digest, int], others: list[Digest]) -> None:
    sound = SoundObjects()
    for digest in [*added, *added]:
        sound.add(bytes.fromhex(digest[3:]), added[digest])
    assert (len(sound), sound.total) == (len(added), sum(added.values()))
    assert all(sound.size(digest) == added.get(digest) for digest in [*added, *others])


def index_of(sizes: dict[Digest, int]) -> PackIndex:
    pack = PackFile(digest_of(b"pack"), 2**40)
    rows = [(bytes.fromhex(one[3:]), place_bytes(0, 16, size, 8, RecordKind.ZSTD)) for one, size in sizes.items()]
    return PackIndex(encode_index([pack], rows))


@given(
    st.dictionaries(digests, st.integers(0, 2**63 - 1), max_size=50),
    st.dictionaries(digests, st.integers(0, 2**63 - 1), max_size=10),
    st.sets(st.integers(0, 49)),
)
def test_that_an_index_names_an_object_does_not_make_it_sound_nor_does_it_say_its_size(
    added: dict[Digest, int], others: dict[Digest, int], wrong: set[int]
) -> None:
    said = {digest: size ^ 1 if at in wrong else size for at, (digest, size) in enumerate(added.items()) if at % 3}
    sound = SoundObjects()
    sound.know(index_of(others | said))
    for digest in [*added, *added]:
        sound.add(bytes.fromhex(digest[3:]), added[digest])
    assert (len(sound), sound.total) == (len(added), sum(added.values()))
    assert all(sound.size(digest) == added.get(digest) for digest in [*added, *others])


def test_an_object_of_which_an_index_says_the_same_takes_a_byte_and_any_other_forty() -> None:
    added = {digest_of(b"%d" % number): number for number in range(5000)}
    taken = []
    for index in (index_of(added), index_of({})):
        sound = SoundObjects()
        tracemalloc.start()
        sound.know(index)
        for digest, size in added.items():
            sound.add(bytes.fromhex(digest[3:]), size)
        assert len(sound) == 5000
        taken.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert taken[0] < 5000 * 2 + 20_000  # the fan-out table
    assert taken[1] > 5000 * 40


@given(digests)
def test_an_objects_name_gives_its_digest(digest: Digest) -> None:
    name = name_of(digest)
    assert digest_in_name(name) == digest
    for other in (name + "0", name[:-1], name.upper(), f"x{name}", name.replace("objects/", "objects//"), name + "\n"):
        assert digest_in_name(other) is None


def test_only_the_bytes_of_the_name_are_no_trouble() -> None:
    data = b"data"
    name, size = name_of(digest_of(data)), len(data)
    assert trouble_with(LookedAt(name, ObjectRef(digest_of(data), size))) is None
    for looked, kind in (
        (LookedAt(name, ObjectRef(digest_of(b"other"), 5)), "corrupt-object"),
        (LookedAt(name, ObjectRef(digest_of(b""), 0)), "corrupt-object"),
        (LookedAt(name, None, "unreadable-object", "cannot be read"), "unreadable-object"),
    ):
        trouble = trouble_with(looked)
        assert trouble is not None
        assert trouble.kind == kind
    empty = digest_of(b"")
    assert trouble_with(LookedAt(name_of(empty), ObjectRef(empty, 0))) is None


def test_a_trouble_names_the_first_who_need_it_and_counts_the_others() -> None:
    trouble = Trouble("missing-object", "it is not here", "objects/x")
    assert trouble.finding() == Finding(
        "missing-object", "it is not here; no record that was read needs it", "objects/x"
    )
    trouble.note(Use(b"a\xff", None))
    for number in range(5):
        trouble.note(Use(b"out", RunId(f"run{number}")))
    found = trouble.finding()
    assert (found.path, found.run) == ("a\\xff", "run0")
    assert found.detail.endswith("it is part of a\\xff (tracked), out (run run0), out (run run1) and 3 more")
    archived = Trouble("missing-object", "it is not here", "objects/x", uses=[Use(b"a.whl", None, is_archived=True)])
    assert archived.finding().detail.endswith("it is part of a.whl (archived environment)")


@pytest.mark.parametrize(
    ("kinds", "code"),
    [([], 0), (["missing-object"], 1), (["stray-file", "newer-format"], 1), (["missing-object", "bad-tree"], 4)],
)
def test_the_exit_code_is_that_of_the_worst_finding(kinds: list[str], code: int) -> None:
    assert exit_code([Finding(kind, "") for kind in kinds]) == code
