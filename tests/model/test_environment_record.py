"""Environments of each kind as they stand in a recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from repro.model.data.content import ObjectRef
from repro.model.environments.environment import (
    CondaEnvironment,
    Environment,
    ImageEnvironment,
    distributions,
    in_a_line,
    named_objects,
)
from repro.model.environments.environment_diff import Changed, compare
from repro.model.environments.environment_record import environment_from_fields, environment_id, environment_to_plain
from repro.model.record import BadRecord, Fields
from tests.model.some_environments import CONDA, IMAGE
from tests.model.some_records import ENVIRONMENT, digest

LEAN = (CondaEnvironment("osx-arm64", ObjectRef(digest("8"), 1), ()), ImageEnvironment("d" * 64, "linux/amd64"))


@pytest.mark.parametrize("environment", [ENVIRONMENT, CONDA, IMAGE, *LEAN], ids=lambda e: e.kind)
def test_what_is_written_is_read_again(environment: Environment) -> None:
    plain = environment_to_plain(environment)
    assert environment_from_fields(Fields(plain, "here")) == environment
    assert None not in plain.values()
    assert environment_id(environment) == environment_id(environment_from_fields(Fields(plain, "here")))


@pytest.mark.parametrize(
    ("environment", "changes"),
    [
        (IMAGE, {"image": "sha256:" + "a" * 64}),
        (IMAGE, {"platform": "--privileged"}),
        (IMAGE, {"references": ["ann:secret@example.org/image@sha256:" + "b" * 64]}),
        (IMAGE, {"references": ["example.org/image:latest"]}),
        (CONDA, {"platform": "../linux-64"}),
        (CONDA, {"lock": None}),
        (CONDA, {"wheels": [{"name": "x"}]}),
    ],
)
def test_what_no_lock_writes_is_refused(environment: Environment, changes: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        environment_from_fields(Fields(environment_to_plain(environment) | changes, "here"))


def test_each_kind_names_its_objects() -> None:
    assert [name for name, _ in named_objects(CONDA)] == ["conda lock", "wheeled-1.0+cpu-py3-none-any.whl"]
    assert [name for name, _ in named_objects(IMAGE)] == ["Dockerfile"]
    assert list(named_objects(LEAN[1])) == []


def test_pips_version_of_a_distribution_counts_before_condas() -> None:
    assert distributions(CONDA)["six"] == "1.17.0"
    assert distributions(CONDA)["numpy"] == "2.1.0"


def test_a_build_a_virtual_package_and_pips_packages_are_told_apart() -> None:
    other = replace(
        CONDA,
        packages=(("numpy", "2.1.0 py311h_1"), *CONDA.packages[1:]),
        pip=(("six", "1.17.1"), CONDA.pip[1]),
        virtual=(("__glibc", "2.41"),),
    )
    found = compare(CONDA, other)
    assert found.base == (Changed("virtual __cuda", "12.4", "-"), Changed("virtual __glibc", "2.36", "2.41"))
    assert found.changed == (Changed("numpy", "2.1.0 py311h_0", "2.1.0 py311h_1"), Changed("six", "1.17.0", "1.17.1"))


def test_another_image_and_another_base_image_are_told() -> None:
    assert IMAGE.built_from is not None
    built = replace(IMAGE.built_from, bases=(("debian:12", f"sha256:{'e' * 64}"),))
    found = compare(IMAGE, replace(IMAGE, image="f" * 64, built_from=built))
    assert [change.name for change in found.base] == ["base image debian:12", "image"]


def test_another_kind_is_the_first_difference() -> None:
    assert compare(CONDA, IMAGE).base[0] == Changed("kind", "conda", "image")


def test_an_environment_is_said_in_a_line() -> None:
    assert in_a_line(CONDA) == "conda, linux-64, 5 packages"
    assert in_a_line(IMAGE) == "image, sha256:aaaaaaaaaaaa, linux/arm64/v8, 1 packages"
