"""Which files of a directory a rebuild needs, by the list of what the run read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry
from repro.model.digest import Digest
from repro.model.names import RelPath
from repro.model.runs.manifest import Output
from repro.model.runs.partly_read import files_of_part, parts_of
from tests.model.some_records import WATCHED, digest, file, link

TREES = {
    digest("0"): (
        Entry(b"a", file("a")),
        Entry(b"b", file("b", 4, Kind.EXECUTABLE)),
        Entry(b"deep", file("1", 8, Kind.DIRECTORY)),
        Entry(b"link", link(b"a")),
    ),
    digest("1"): (Entry(b"c", file("c")), Entry(b"d", file("d"))),
}
WHOLE = Content(Kind.DIRECTORY, 17, digest=digest("0"))


def needed(*names: bytes) -> str:
    """The first letters of the digests of what is needed."""

    def read_tree(name: Digest) -> tuple[Entry, ...]:
        return TREES[name]

    found = files_of_part(WHOLE, frozenset(names), read_tree)
    return "".join(sorted(ref.digest[3] for ref in found))


def test_what_is_named_is_needed_at_any_depth() -> None:
    assert needed(b"a", b"deep/d") == "ad"
    assert needed(b"b") == "b"


def test_listings_links_and_names_that_are_not_there_need_no_file() -> None:
    assert (
        needed(b"./", b"deep/", b"link", b"gone", b"gone/a", b"a/x/y") == "a"
    )  # `a/x` cannot be; `a` may as well come


def test_a_directory_that_was_moved_or_opened_like_a_file_is_needed_with_all_that_is_in_it() -> None:
    assert needed(b"deep") == "cd"
    assert needed(b"deep", b"deep/c") == "cd"


@pytest.mark.parametrize(
    ("output", "content", "expected"),
    [
        (b"data/numbers", file("8"), [b"data"]),
        (b"data", file("8", 9, Kind.DIRECTORY), []),
        (b"data/deep", file("8", 9, Kind.DIRECTORY), []),
        (b"database", file("8", 9, Kind.DIRECTORY), [b"data"]),
    ],
)
def test_a_directory_that_is_compared_as_a_whole_is_not_read_in_part(
    output: bytes, content: Content, expected: list[bytes]
) -> None:
    assert WATCHED.reads[0].names == ObjectRef(digest("7"), 30)
    manifest = replace(WATCHED, outputs=(Output(RelPath(output), content, declared=True),))
    assert list(parts_of(manifest)) == expected
