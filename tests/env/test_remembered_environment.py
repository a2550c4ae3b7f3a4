"""An environment that stands is found by the bytes it was made of, for as long as it is what it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.actions.environments.remembered import remember, remembered
from repro.env.environment_cache import make_environment
from repro.places import Places

KEY = "0123456789abcdef" * 2


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(str(tmp_path / "store"), str(tmp_path / "scratch"), str(tmp_path / "config.yaml"))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "python3"
    path.write_text("#!/bin/sh\n")
    return path


@pytest.fixture
def prefix(places: Places, python: Path) -> str:
    """An environment that was made of the manifest `m`, and is remembered."""

    def build(prefix: str) -> None:
        os.makedirs(os.path.join(prefix, "lib", "python3", "site-packages", "alpha"))

    made = make_environment(places.environments, KEY, build)
    remember(places, "run", b"m", made, str(python))
    return made


def test_it_is_found_by_what_it_was_made_of_and_by_nothing_else(places: Places, prefix: str) -> None:
    assert remembered(places, "run", b"m") == prefix
    assert remembered(places, "run", b"n") is None
    assert remembered(places, "conda-lock", b"m") is None


def test_it_is_not_found_once_its_interpreter_is_another(places: Places, prefix: str, python: Path) -> None:
    python.write_text("#!/bin/bash\n")
    assert remembered(places, "run", b"m") is None


def test_it_is_not_found_once_its_interpreter_is_gone(places: Places, prefix: str, python: Path) -> None:
    python.unlink()
    assert remembered(places, "run", b"m") is None


def test_it_is_not_found_once_somebody_installed_into_it(places: Places, prefix: str) -> None:
    (Path(prefix) / "lib/python3/site-packages/beta").mkdir()
    assert remembered(places, "run", b"m") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        f'{{"key": "../environments/{KEY}", "interpreter": null}}',
        '{"key": 1, "interpreter": null}',
        '{"key": 1}',
        "\udcff",
    ],
)
def test_a_memo_that_is_none_is_as_if_there_were_none(places: Places, prefix: str, text: str) -> None:
    assert Path(prefix) == Path(places.environments, "..", "environments", KEY).resolve()
    [memo] = (Path(places.memos) / "environments").iterdir()
    memo.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert remembered(places, "run", b"m") is None


def test_an_environment_with_an_interpreter_of_its_own_is_found_by_what_it_was_made_of(
    places: Places, prefix: str
) -> None:
    remember(places, "conda-lock", b"l", prefix)
    assert remembered(places, "conda-lock", b"l") == prefix
