"""Verdicts, and what differs between two trees."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.data.content import Content, Kind
from repro.model.data.tree import Entry
from repro.model.runs.compare import compare_content, is_reproduced, pair_entries, worst
from repro.model.verdict import Verdict
from tests.model.some_records import contents, file, link


class Reader:
    """Says the same of every pair, and counts."""

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict
        self.asked = 0

    def compare(self, path: bytes, expected: Content, found: Content) -> Verdict | None:
        self.asked += 1
        return self.verdict


@given(st.lists(st.sampled_from(Verdict), min_size=1))
def test_the_worst_verdict_is_the_last_of_the_list_in_the_documentation(verdicts: list[Verdict]) -> None:
    assert worst(verdicts) == max(verdicts, key=list(Verdict).index)


def test_of_nothing_nothing_is_known() -> None:
    assert worst([]) is Verdict.UNDETERMINED
    assert not is_reproduced(worst([]))


def test_two_verdicts_are_good() -> None:
    assert [verdict for verdict in Verdict if is_reproduced(verdict)] == [Verdict.IDENTICAL, Verdict.EQUIVALENT]


def test_the_same_kind_and_digest_is_identical_and_no_reader_is_asked() -> None:
    reader = Reader(Verdict.DIFFERENT)
    for content in (file("1"), file("1", kind=Kind.DIRECTORY), link(b"x")):
        assert compare_content(b"p", content, content, [reader]).verdict is Verdict.IDENTICAL
    assert reader.asked == 0


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (None, file("1")),
        (file("1"), None),
        (file("1"), file("1", kind=Kind.EXECUTABLE)),
        (file("1"), link(b"x")),
        (link(b"x"), link(b"y")),
        (file("1", kind=Kind.DIRECTORY), file("2", kind=Kind.DIRECTORY)),
    ],
)
def test_what_differs_in_more_than_a_files_bytes_is_different_whatever_a_reader_says(
    expected: Content | None, found: Content | None
) -> None:
    reader = Reader(Verdict.EQUIVALENT)
    assert compare_content(b"p", expected, found, [reader]).verdict is Verdict.DIFFERENT
    assert reader.asked == 0


def test_the_first_reader_that_answers_decides() -> None:
    silent, close, never = Reader(None), Reader(Verdict.CLOSE), Reader(Verdict.EQUIVALENT)
    assert compare_content(b"p", file("1"), file("2"), [silent, close, never]).verdict is Verdict.CLOSE
    assert (silent.asked, close.asked, never.asked) == (1, 1, 0)
    assert compare_content(b"p", file("1"), file("2"), [silent]).verdict is Verdict.DIFFERENT


trees = st.dictionaries(st.sampled_from([b"a", b"b", b"c", b"\xff"]), contents)


@given(trees, trees)
def test_the_names_at_which_two_trees_differ_are_paired(one: dict[bytes, Content], two: dict[bytes, Content]) -> None:
    pairs = pair_entries(*([Entry(name, content) for name, content in tree.items()] for tree in (one, two)))
    names = [name for name, _, _ in pairs]
    assert names == sorted(names)
    for name in {*one, *two}:
        found = [(left, right) for other, left, right in pairs if other == name]
        assert found == ([] if one.get(name) == two.get(name) else [(one.get(name), two.get(name))])


def test_an_exchange_of_two_members_is_seen() -> None:
    for left, right in itertools.permutations([file("1"), file("2")]):
        pairs = pair_entries([Entry(b"a", left), Entry(b"b", right)], [Entry(b"a", right), Entry(b"b", left)])
        assert [name for name, _, _ in pairs] == [b"a", b"b"]
