import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.data.content import Content, Kind
from repro.model.data.tree import BadTree, Entry, decode_tree, encode_file, encode_tree, join_entries, total_size
from repro.model.digest import digest_of
from repro.model.names import UnsafePath
from tests.data.random_trees import NAMES, TARGETS

SIZES = st.integers(min_value=0, max_value=2**63 - 1)
CONTENTS = st.one_of(
    st.builds(
        lambda kind, size, data: Content(kind, size, digest=digest_of(data)),
        st.sampled_from([Kind.FILE, Kind.EXECUTABLE, Kind.DIRECTORY]),
        SIZES,
        st.binary(max_size=4),
    ),
    TARGETS.map(lambda target: Content(Kind.SYMLINK, len(target), target=target)),
)
TREES = st.dictionaries(NAMES, CONTENTS, max_size=8).map(
    lambda d: [Entry(name, content) for name, content in d.items()]
)


@given(TREES, st.randoms(use_true_random=False))
def test_a_tree_reads_back_and_order_does_not_matter(entries: list[Entry], order: random.Random) -> None:
    data = encode_tree(entries)
    assert decode_tree(data) == tuple(sorted(entries, key=lambda entry: entry.name))
    shuffled = entries.copy()
    order.shuffle(shuffled)
    assert encode_tree(shuffled) == data


@given(TREES, st.data())
def test_whatever_can_be_read_is_canonical(entries: list[Entry], data: st.DataObject) -> None:
    encoded = bytearray(encode_tree(entries))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    try:
        found = decode_tree(bytes(encoded))
    except (BadTree, UnsafePath):
        return
    assert encode_tree(found) == bytes(encoded)


def test_two_entries_of_one_name_are_refused() -> None:
    entry = Entry(b"a", Content(Kind.SYMLINK, 1, target=b"x"))
    with pytest.raises(BadTree, match="'a'"):
        encode_tree([entry, entry])


@pytest.mark.parametrize("name", [b".", b"..", b".git", b"GIT~1", b"a/b", b"n" * 256, b""])
def test_an_unsafe_name_among_plain_files_is_refused(name: bytes) -> None:
    hexadecimal = digest_of(b"")[3:].encode()
    files = [encode_file(one, 1, hexadecimal, False) for one in (b"+", b"plain")]
    assert [entry.name for entry in decode_tree(join_entries(files))] == [b"+", b"plain"]
    for at in range(3):
        with pytest.raises((UnsafePath, BadTree)):
            decode_tree(join_entries([*files[:at], encode_file(name, 1, hexadecimal, False), *files[at:]]))


@pytest.mark.parametrize("between", [b"x", b"f 01 %s q\0", b"f 1 %s\0", b"F 1 %s q\0", b"f 9223372036854775808 %s q\0"])
def test_what_stands_between_plain_files_and_is_none_is_refused(between: bytes) -> None:
    hexadecimal = digest_of(b"")[3:].encode()
    first, last = (encode_file(name, 1, hexadecimal, False) for name in (b"plain", b"last"))
    with pytest.raises(BadTree):
        decode_tree(join_entries([first, between.replace(b"%s", hexadecimal), last]))


def test_an_unsafe_name_is_never_written() -> None:
    with pytest.raises(UnsafePath):
        encode_tree([Entry(b"..", Content(Kind.SYMLINK, 1, target=b"x"))])


def test_a_directory_is_as_large_as_its_entries_together() -> None:
    entries = [Entry(b"a", Content(Kind.SYMLINK, 3, target=b"xyz")), Entry(b"b", Content(Kind.FILE, 4, digest_of(b"")))]
    assert total_size(entries) == 7


def test_a_newer_tree_is_refused_by_name() -> None:
    with pytest.raises(BadTree, match="version 2"):
        decode_tree(b"repro-tree 2\0")
