"""Rebuild records, the pieces of a run, and what differs between two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repro.model.data.content import Item
from repro.model.names import RelPath
from repro.model.record import BadRecord, NewerFormat
from repro.model.runs.compare import ComparedOutput
from repro.model.runs.manifest import Manifest, Output, parse_manifest, render_manifest
from repro.model.runs.pieces import Part, pieces_of
from repro.model.runs.rebuild_record import RebuildRecord, parse_rebuild, rebuild_file_name, render_rebuild
from repro.model.runs.recipe import Recipe, distinct_paths, recipe_id
from repro.model.runs.run_diff import Difference, diff_runs
from repro.model.verdict import Verdict
from tests.model.some_records import (
    COMPLETE,
    ENVIRONMENT,
    OPEN,
    REBUILD,
    RECIPE,
    contents,
    digests,
    file,
    findings,
    later,
    link,
    machines,
    manifests,
    names,
    recipes,
    run_ids,
    texts,
)

relaxed = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
compared = st.builds(ComparedOutput, names, st.sampled_from(Verdict), st.none() | contents, st.none() | contents)
rebuilds = st.builds(
    RebuildRecord,
    run=run_ids,
    recipe=digests,
    verdict=st.sampled_from(Verdict),
    outputs=st.lists(compared, max_size=3).map(tuple),
    environment=texts,
    machine=machines,
    repro=texts,
    started=texts,
    duration_s=st.floats(0, 1e9),
    exit_code=st.none() | st.integers(0, 255),
    findings=findings.map(tuple),
    extra=later,
)


@given(rebuilds)
@relaxed
def test_a_rebuild_record_is_read_as_it_was_written(record: RebuildRecord) -> None:
    data = render_rebuild(record)
    again = parse_rebuild(data, "r")
    assert again == record
    assert render_rebuild(again) == data


def test_two_rebuilds_of_one_second_have_two_names_and_names_sort_by_time() -> None:
    records = [REBUILD, replace(REBUILD, exit_code=1), replace(REBUILD, started="2026-11-24T02:13:02Z")]
    found = [rebuild_file_name(record, render_rebuild(record)) for record in records]
    assert len(set(found)) == 3
    assert max(found) == found[2]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("repro: 1\n", "repro: 2\n", NewerFormat),
        ("verdict: different\n", "verdict: splendid\n", BadRecord),
        ("run: 2026", "run: ../2026", BadRecord),
        ("duration_s: 12.5", "duration_s: .inf", BadRecord),
        ("kind: directory", "kind: fifo", BadRecord),
        ("path: model/new", "path: model/\\x41", BadRecord),
    ],
)
def test_a_hostile_rebuild_record_is_refused(old: str, new: str, error: type[Exception]) -> None:
    text = render_rebuild(REBUILD).decode()
    assert old in text
    with pytest.raises(error):
        parse_rebuild(text.replace(old, new).encode(), "r")


def test_the_pieces_of_a_run_are_every_object_that_its_manifest_names() -> None:
    text = render_manifest(COMPLETE).decode()
    found = {piece.root.digest for piece in pieces_of(COMPLETE)}
    named = {line.split()[-1] for line in text.splitlines() if line.strip().startswith("digest: ")}
    assert found == named
    assert {piece.part for piece in pieces_of(COMPLETE)} == set(Part) - {Part.ARCHIVE}
    assert [piece.part for piece in pieces_of(OPEN)] == [Part.CODE]


@given(manifests)
@relaxed
def test_a_run_does_not_differ_from_itself_and_observations_do_not_count(manifest: Manifest) -> None:
    again = parse_manifest(render_manifest(manifest), "m")
    assert diff_runs(manifest, replace(again, observations=OPEN.observations, name="other", tainted=(b"x",))) == ()


def _recipe(**changes: Any) -> Manifest:
    return replace(COMPLETE, recipe=replace(RECIPE, **changes))


@pytest.mark.parametrize(
    ("other", "parts"),
    [
        (_recipe(command=("python", "eval.py")), {("command", "command")}),
        (_recipe(directory=b"."), {("command", "directory")}),
        (_recipe(code="b" * 40), {("code", "tree")}),
        (_recipe(data=RECIPE.data[1:]), {("data", "data")}),
        (_recipe(parameters={**RECIPE.parameters, "lr": 0.2}), {("parameters", "lr")}),
        (_recipe(parameters={**RECIPE.parameters, "flag": 1}), {("parameters", "flag")}),
        (_recipe(variables={}), {("variables", name) for name in RECIPE.variables}),
        (_recipe(umask="0077"), {("variables", "umask")}),
        (_recipe(cpus=2), {("variables", "cpus")}),
        (
            replace(COMPLETE, metrics={}),
            {("metrics", f"metrics.json.{n}") for n in ("accuracy", "loss", "epochs", "best")},
        ),
        (replace(COMPLETE, outputs=COMPLETE.outputs[1:]), {("outputs", "model")}),
    ],
)
def test_each_part_that_differs_is_named_both_ways(other: Manifest, parts: set[tuple[str, str]]) -> None:
    found = diff_runs(COMPLETE, other)
    assert {(difference.part, difference.name) for difference in found} == parts
    back = [Difference(one.part, one.name, one.after, one.before) for one in found]
    assert sorted(back, key=str) == sorted(diff_runs(other, COMPLETE), key=str)


def _environment(**changes: Any) -> Manifest:
    return _recipe(environment=replace(ENVIRONMENT, **changes))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (_environment(python=replace(ENVIRONMENT.python, version="3.11.8")), "python version"),
        (_environment(python=replace(ENVIRONMENT.python, abi="other")), "python abi"),
        (_environment(lock=None), "lock"),
        (_environment(packages=ENVIRONMENT.packages[1:]), "package numpy"),
        (_environment(vcs=(replace(ENVIRONMENT.vcs[0], commit="e" * 40),)), "package theirs"),
        (_environment(wheels=(replace(ENVIRONMENT.wheels[0], sha256="e" * 64),)), "package wheeled"),
        (_environment(project=(replace(ENVIRONMENT.project[0], editable=False),)), "package ours"),
        (_recipe(environment=None), "kind"),
    ],
)
def test_environments_of_the_same_versions_differ_by_where_they_came_from(other: Manifest, name: str) -> None:
    assert [(one.part, one.name) for one in diff_runs(COMPLETE, other)] == [("environment", name)]


@given(recipes, recipes)
@relaxed
def test_what_is_shown_as_a_difference_makes_another_recipe(one: Recipe, two: Recipe) -> None:
    if diff_runs(replace(OPEN, recipe=one), replace(OPEN, recipe=two)):
        assert recipe_id(one) != recipe_id(two)


def test_a_metric_that_is_not_a_number_does_not_differ_from_itself() -> None:
    one, two = (replace(OPEN, metrics={"m.json": {"loss": float("nan")}}) for _ in range(2))
    assert diff_runs(one, two) == ()


def test_a_parameter_that_is_null_differs_from_none() -> None:
    one, two = (replace(OPEN, recipe=replace(OPEN.recipe, parameters=found)) for found in ({}, {"a": None}))
    assert len(diff_runs(one, two)) == 1


def test_an_output_of_another_size_or_mode_differs_even_under_one_digest() -> None:
    one = replace(OPEN, outputs=(Output(RelPath(b"a"), file("1"), True),))
    two = replace(OPEN, outputs=(Output(RelPath(b"a"), replace(file("1"), kind="executable"), True),))  # type: ignore[arg-type]
    assert len(diff_runs(one, two)) == 1


def test_the_recipe_id_does_not_depend_on_the_order_of_inputs_or_names() -> None:
    turned = replace(
        RECIPE,
        data=RECIPE.data[::-1],
        parameters=dict(list(RECIPE.parameters.items())[::-1]),
        variables=dict(list(RECIPE.variables.items())[::-1]),
    )
    assert recipe_id(turned) == recipe_id(RECIPE)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([b"a", b"b", b"a-b", b"a.b/c"], None),
        ([b"a/b", b"a/c"], None),
        ([b"a", b"a"], "twice"),
        ([b"a", b"a!", b"a/b"], "'a/b' lies inside 'a'"),
        ([b"a/b/c/d", b"a/b"], "'a/b/c/d' lies inside 'a/b'"),
    ],
)
def test_paths_are_distinct_if_none_is_or_holds_another(paths: list[bytes], said: str | None) -> None:
    found = distinct_paths(tuple(Item(RelPath(path), link(b"x")) for path in paths))
    assert (found is None) == (said is None)
    assert said is None or said in str(found)
