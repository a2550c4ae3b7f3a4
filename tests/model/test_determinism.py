"""The variables of a run: recorded without the place that the project stands at, and set again elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.runs.determinism import (
    EPOCH,
    OBSERVED,
    THREADS,
    UnrecordableVariable,
    rebuild_environment,
    recorded_variables,
    run_environment,
    with_root,
)

pieces = st.sampled_from(["/home/ann/p", "/home/ann/px", "{root}", "{", "}", "{{", "/", ":", "x", "/src", "/a{b", "ü"])
values = st.lists(pieces, max_size=7).map("".join)
roots = st.sampled_from(["/home/ann/p", "/", "/a{b", "/a{{b}", "/{root}", "/with:colon", "/ü"])


@given(values, roots, roots)
def test_a_value_comes_back_where_the_project_stands(value: str, root: str, other: str) -> None:
    recorded = recorded_variables({"PYTHONPATH": value}, (), root, None)["PYTHONPATH"]
    assert with_root(recorded, root) == value
    if recorded == with_root(recorded, root).replace("{", "{{"):
        assert with_root(recorded, other) == value  # the root is not in it: it is the same everywhere


def test_whole_parts_below_the_root_move_with_it_and_nothing_else() -> None:
    value = "/home/ann/p/src:/home/ann/p:/home/ann/px:/usr/home/ann/p"
    recorded = recorded_variables({"PYTHONPATH": value}, (), "/home/ann/p", None)["PYTHONPATH"]
    assert recorded == "{root}/src:{root}:/home/ann/px:/usr/home/ann/p"
    assert with_root(recorded, "/new") == "/new/src:/new:/home/ann/px:/usr/home/ann/p"


def test_what_is_set_is_recorded_what_is_not_is_absent_and_secrets_stay_out() -> None:
    environ = {"OMP_NUM_THREADS": "4", "NAMED": "n", "AWS_SECRET_ACCESS_KEY": "s", "LANG": "C"}
    assert recorded_variables(environ, ("NAMED", "UNSET"), "/p", "Europe/Berlin") == {
        "LANG": "C",
        "NAMED": "n",
        "OMP_NUM_THREADS": "4",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "TZ": "Europe/Berlin",
    }


def test_a_choice_of_the_user_wins_over_ours() -> None:
    environ = {"PYTHONHASHSEED": "random", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"}
    assert recorded_variables(environ, (), "/p", "UTC") == environ
    assert "TZ" not in recorded_variables({}, (), "/p", None)


def test_a_value_that_is_not_text_is_refused_by_the_variables_name() -> None:
    with pytest.raises(UnrecordableVariable, match="PYTHONPATH") as caught:
        recorded_variables({"PYTHONPATH": "/\udcff"}, (), "/p", None)
    assert caught.value.exit_code == 3
    recorded_variables({"OTHER": "/\udcff", "LANG": "größe"}, (), "/p", None)


def test_a_run_has_the_callers_variables_and_a_rebuild_few_of_them() -> None:
    environ = {"HOME": "/h", "PATH": "/bin", "EDITOR": "vi", "LANG": "de", "PYTHONPATH": "/x", "OMP_NUM_THREADS": "64"}
    recorded = {"PYTHONHASHSEED": "0", "NAMED": "{root}/n"}
    assert run_environment(environ, recorded, "/p") == {**environ, "PYTHONHASHSEED": "0", "NAMED": "/p/n"}
    assert rebuild_environment(environ, recorded, "/q", None) == {
        "HOME": "/h",
        "PATH": "/bin",
        "PYTHONHASHSEED": "0",
        "NAMED": "/q/n",
    }


def test_nothing_that_is_observed_is_taken_from_the_rebuilding_machine() -> None:
    environ = dict.fromkeys((*OBSERVED, "PYTHONHASHSEED", "SOURCE_DATE_EPOCH"), "theirs")
    assert rebuild_environment(environ, {}, "/q", None) == {}


def test_threads_are_asked_for_where_processors_lack_unless_the_run_said_how_many() -> None:
    found = rebuild_environment({}, {"OMP_NUM_THREADS": "3"}, "/q", 8)
    assert found == {**dict.fromkeys(THREADS, "8"), "OMP_NUM_THREADS": "3"}


def test_the_date_that_tools_embed_is_the_earliest_that_a_zip_can_hold() -> None:
    epoch = int(recorded_variables({}, (), "/p", None)["SOURCE_DATE_EPOCH"])
    assert datetime.fromtimestamp(epoch, UTC) == datetime(1980, 1, 1, tzinfo=UTC)
