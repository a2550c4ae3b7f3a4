"""A manifest is read as it was written, and what this version does not know stays in it."""

from __future__ import annotations

import random
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repro.model.runs.manifest import Manifest, parse_manifest, render_manifest
from repro.model.runs.recipe import recipe_id
from repro.model.yaml.strict import dump_yaml, load_yaml
from tests.model.some_records import COMPLETE, OPEN, manifests

# What hypothesis finds slow depends on the machine's load.
relaxed = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@given(manifests)
@relaxed
def test_a_manifest_is_read_as_it_was_written_and_written_the_same_again(manifest: Manifest) -> None:
    data = render_manifest(manifest)
    again = parse_manifest(data, "m")
    assert again == manifest
    assert render_manifest(again) == data
    assert recipe_id(again.recipe) == recipe_id(manifest.recipe)


@given(manifests, st.randoms(use_true_random=False))
@relaxed
def test_the_order_of_keys_and_of_sets_in_the_file_means_nothing(manifest: Manifest, rng: random.Random) -> None:
    data = render_manifest(manifest)
    shuffled = dump_yaml(_shuffled(load_yaml(data, "m"), rng)).encode()
    again = parse_manifest(shuffled, "m")
    assert recipe_id(again.recipe) == recipe_id(manifest.recipe)
    assert load_yaml(render_manifest(again), "m") == load_yaml(data, "m")


def test_another_yaml_reader_reads_the_same_values() -> None:
    for manifest in (COMPLETE, OPEN):
        data = render_manifest(manifest)
        assert yaml.safe_load(data) == load_yaml(data, "m")


def test_fields_of_a_later_version_stay_where_they_were() -> None:
    plain = load_yaml(render_manifest(OPEN), "m")
    plain["later"] = {"a": [1, {"b": "no"}]}
    plain["facts"]["later_fact"] = [0.5]
    plain["observations"]["later_seen"] = None
    manifest = parse_manifest(dump_yaml(plain).encode(), "m")
    again = load_yaml(render_manifest(manifest), "m")
    assert again["later"] == plain["later"]
    assert again["facts"]["later_fact"] == [0.5]
    assert again["observations"]["later_seen"] is None


def _shuffled(value: Any, rng: random.Random) -> Any:
    """Keys in another order everywhere."""
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: _shuffled(value[key], rng) for key in keys}
    if isinstance(value, list):
        return [_shuffled(item, rng) for item in value]
    return value
