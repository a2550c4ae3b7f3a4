"""Run ids: made in order, read strictly, and found by whatever a user types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import UsageError
from repro.model.digest import Digest
from repro.model.run_id import (
    AmbiguousRun,
    BadRunId,
    NoSuchRun,
    RunId,
    RunName,
    check_run_name,
    make_run_id,
    parse_run_id,
    select_run,
)

RECIPE = Digest("b3:" + "0123456789abcdef" * 4)
MOMENT = datetime(2026, 11, 23, 2, 13, 0, tzinfo=UTC)
RUNS = (
    RunName(RunId("20261121-010000-aaaaaaaa"), "first"),
    RunName(RunId("20261122-010000-aaaaaaaa"), "20261121"),
    RunName(RunId("20261123-010000-bbbbbbbb"), "again"),
    RunName(RunId("20261124-010000-cccccccc"), "again"),
    RunName(RunId("20261125-010000-dddddddd")),
)


def test_an_id_is_the_utc_time_and_the_beginning_of_the_recipe_in_base32() -> None:
    tokyo = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert make_run_id(tokyo, RECIPE, ()) == "20261123-021300-aerukz4j"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_ids_sort_by_the_order_in_which_they_were_made(pauses: list[int]) -> None:
    taken: list[RunId] = []
    moment = MOMENT
    for pause in pauses:
        moment += timedelta(seconds=pause)
        run = make_run_id(moment, RECIPE, taken)
        assert parse_run_id(run) == run
        taken.append(run)
    assert taken == sorted(set(taken))


@pytest.mark.parametrize(
    "text",
    ["", "@last", "20261123-021300", "20261123-021300-7F3KQ2MZ", "20261123-021300-7f3kq2m1",
     "../20261123-021300-7f3kq2mz",
     "20261123-021300-7f3kq2mz\n", "２0261123-021300-7f3kq2mz"],
)  # fmt: skip
def test_what_is_not_exactly_an_id_is_refused(text: str) -> None:
    with pytest.raises(BadRunId):
        parse_run_id(text)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("20261123-010000-bbbbbbbb", 2),  # a whole id
        ("bbbb", 2),  # a unique part of one
        ("20261125", 4),
        ("first", 0),  # a name
        ("20261121", 1),  # a whole name wins over a part of an id
        ("@last", 4),
        ("@last~0", 4),
        ("@last~4", 0),
    ],
)
def test_a_run_is_found_by(text: str, index: int) -> None:
    assert select_run(text, RUNS) == RUNS[index].run
    assert select_run(text, RUNS[::-1]) == RUNS[index].run


@pytest.mark.parametrize(("text", "several"), [("aaaaaaaa", [0, 1]), ("again", [2, 3]), ("-01", [0, 1, 2, 3, 4])])
def test_where_several_are_meant_all_are_listed(text: str, several: list[int]) -> None:
    with pytest.raises(AmbiguousRun) as caught:
        select_run(text, RUNS)
    for index in several:
        assert RUNS[index].run in caught.value.message


@pytest.mark.parametrize("text", ["nothing", "", "@last~5", "@last~99999999999", "@last~-1", "@first"])
def test_no_run_of_that_name_says_what_there_is(text: str) -> None:
    with pytest.raises(NoSuchRun) as caught:
        select_run(text, RUNS)
    assert RUNS[4].run in (caught.value.hint or "")
    with pytest.raises(NoSuchRun) as caught:
        select_run(text, ())
    assert "repro run" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", " ", "@last", "-x", "20261123-021300-7f3kq2mz", "two\nlines", "\x1b[31m"])
def test_a_name_that_a_run_could_not_be_asked_for_by_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_run_name(name)
    assert check_run_name("größe 2") == "größe 2"
