"""Merging directories against what a merge means path by path."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.merge_pointers import PointerConflict, merge_pointers
from repro.model.data.merge_trees import TreeMerge
from repro.model.data.pointer import Pointer
from repro.model.data.tree import Entry, decode_tree, encode_tree, total_size
from repro.model.digest import Digest, digest_of

Files = dict[str, int]
"""Paths of at most three names with what stands there."""


@dataclass
class Trees:
    """Trees in memory: the part of a store that a merge asks."""

    objects: dict[Digest, bytes] = field(default_factory=dict)
    reads: int = 0

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        self.reads += 1
        return decode_tree(self.objects[digest])

    def add_bytes(self, data: bytes) -> ObjectRef:
        ref = ObjectRef(digest_of(data), len(data))
        self.objects[ref.digest] = data
        return ref

    def merge(self) -> TreeMerge:
        return TreeMerge(self, self)  # type: ignore[arg-type]  # the rest of a store is not asked


def leaf(number: int) -> Content:
    return Content(Kind.FILE, number, digest_of(str(number).encode()))


def directory(trees: Trees, files: Files) -> Content:
    """A directory with these files; a path that another one goes through is left out."""
    inner: dict[str, Files] = {}
    entries: dict[bytes, Content] = {}
    for path, number in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            inner.setdefault(name, {})[rest] = number
        else:
            entries[name.encode()] = leaf(number)
    entries |= {name.encode(): directory(trees, below) for name, below in inner.items()}
    made = [Entry(name, content) for name, content in entries.items()]
    return Content(Kind.DIRECTORY, total_size(made), trees.add_bytes(encode_tree(made)).digest)


def files_of(trees: Trees, content: Content, prefix: str = "") -> Files:
    assert content.digest
    found: Files = {}
    for entry in trees.read_tree(content.digest):
        path = prefix + entry.name.decode()
        if entry.content.kind is Kind.DIRECTORY:
            found |= files_of(trees, entry.content, path + "/")
        else:
            found[path] = entry.content.size
    return found


names = st.sampled_from(["a", "b", "c/x", "c/y", "d/e/z"])  # no file where another version has a directory
versions = st.dictionaries(names, st.integers(0, 2), max_size=5)


@given(versions, versions, versions)
def test_a_merge_is_that_of_each_path(base: Files, ours: Files, theirs: Files) -> None:
    trees = Trees()
    one, two, zero = (directory(trees, files) for files in (ours, theirs, base))
    expected: Files = {}
    clashes = set()
    for path in base.keys() | ours.keys() | theirs.keys():
        o, a, b = base.get(path), ours.get(path), theirs.get(path)
        if a != b and o not in (a, b):
            clashes.add(path)
        chosen = b if a == o and a != b else a
        if chosen is not None:
            expected[path] = chosen
    merge = trees.merge()
    merged = merge.merge(zero, one, two, b"data")
    assert merged is not None
    assert {path.removeprefix(b"data/").decode() for path in merge.conflicts} == clashes
    if not clashes:
        assert files_of(trees, merged) == expected
        assert merge.more_files(one, merged) == len(expected) - len(ours)


def test_what_is_the_same_on_both_sides_is_not_read() -> None:
    trees = Trees()
    base = {f"same/{number}": number for number in range(50)} | {"here/a": 1, "there/a": 1}
    zero, one, two = (directory(trees, {**base, **changed}) for changed in ({}, {"here/a": 2}, {"there/a": 2}))
    merged = trees.merge().merge(zero, one, two, b"data")
    assert trees.reads == 3
    assert merged == directory(trees, {**base, "here/a": 2, "there/a": 2})


def pointer(content: Content, files: int | None = None, **rest: str) -> Pointer:
    return Pointer(b"data", content, files, rest)


def test_the_count_of_files_follows_and_is_left_out_where_nobody_knew_it() -> None:
    trees = Trees()
    zero, one, two = (directory(trees, files) for files in ({"a": 1}, {"a": 1, "b": 1}, {"a": 1, "c/x": 1, "c/y": 1}))
    merged = merge_pointers(pointer(zero, 1), pointer(one, 2), pointer(two, 3), trees.merge(), b"data.repro")
    assert merged.files == 4
    assert merge_pointers(pointer(zero), pointer(one), pointer(two), trees.merge(), b"data.repro").files is None


def test_keys_of_a_later_version_are_taken_from_the_side_that_changed_them() -> None:
    trees = Trees()
    same = directory(trees, {"a": 1})
    merged = merge_pointers(pointer(same), pointer(same), pointer(same, note="x"), trees.merge(), b"data.repro")
    assert merged.rest == {"note": "x"}


def test_a_conflict_quotes_paths_for_the_shell() -> None:
    odd = Pointer(b"it's", leaf(1))
    with pytest.raises(PointerConflict) as failure:
        merge_pointers(None, odd, Pointer(b"it's", leaf(2)), Trees().merge(), b"a dir/it's.repro")
    assert failure.value.hint
    assert """git checkout --theirs -- 'a dir/it'"'"'s.repro'""" in failure.value.hint
