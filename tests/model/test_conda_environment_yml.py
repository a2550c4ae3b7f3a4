from __future__ import annotations

import pytest

from repro.model.environments.conda_environment_yml import BadEnvironmentYml, CondaWish, parse_environment_yml
from repro.model.environments.conda_selector import BadSelector, holds

WISH = """\
name: fit
channels:
  - https://example.org/chan
  - conda-forge
platforms: [linux-64, osx-arm64]
dependencies:
  - python=3.12
  - numpy >=2,<3  # the newest that works
  - cuda  # [linux and not aarch64]
  - "accelerate[version='>=1.0']"  # [osx]
  - sel(win): pywin32
  - pip:
    - alpha==1.0
    - beta  # [linux]
"""


def parse(text: str) -> CondaWish:
    return parse_environment_yml(text.encode(), "environment.yml")


def test_channels_pins_selectors_and_pips_part_are_read() -> None:
    wish = parse(WISH)
    assert wish.name == "fit"
    assert wish.channels == ("https://example.org/chan", "conda-forge")
    assert wish.platforms == ("linux-64", "osx-arm64")
    assert wish.conda_for("linux-64") == ("python=3.12", "numpy >=2,<3", "cuda")
    assert wish.conda_for("linux-aarch64") == ("python=3.12", "numpy >=2,<3")
    assert wish.conda_for("osx-arm64") == ("python=3.12", "numpy >=2,<3", "accelerate[version='>=1.0']")
    assert wish.conda_for("win-64")[-1] == "pywin32"
    assert (wish.pip_for("linux-64"), wish.pip_for("osx-64")) == (("alpha==1.0", "beta"), ("alpha==1.0",))


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("dependencies:\n  - python\n - numpy\n", "line 3, column 2", ""),
        ("dependencies:\n  - {a: b\n", "line 3, column 1", ""),
        ("dependencies:\n  - numpy  # [linx]\n", "line 2, column 5", "'linx'"),
        ("dependencies:\n  - 3\n", "line 2, column 5", "3"),
        ("dependencies:\n  - pip: alpha\n", "line 2, column 5", "`pip:`"),
        ("dependencies:\n  - sel(mars): x\n", "line 2, column 5", "'mars'"),
        ("dependencies: numpy\n", "line 1, column 1", "must be a list"),
        ("channels: [x]\n", "line 1, column 1", "no package"),
        ("platforms: [linux]\ndependencies: [x]\n", "line 1, column 13", "'linux' is no platform"),
        ("platforms: [win-99]\ndependencies: [x]\n", "line 1, column 13", "'win-99' is no platform"),
        ("dependencies: [x]\nchannels: [1]\n", "line 2, column 12", "1 is no channel"),
        ("- x\n", "line 1, column 1", "dependencies"),
    ],
)
def test_what_means_nothing_is_told_with_line_and_column(text: str, where: str, said: str) -> None:
    with pytest.raises(BadEnvironmentYml) as caught:
        parse(text)
    assert f"environment.yml, {where}: " in caught.value.message
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_key_without_effect_is_a_finding_that_names_the_nearest() -> None:
    [one, two] = parse("dependancies: [y]\nvariables: {A: b}\ndependencies: [x]\n").findings
    assert (one.kind, one.path, one.hint) == (
        "environment-yml-ignored",
        "environment.yml",
        "did you mean 'dependencies'?",
    )
    assert "line 1, column 1: 'dependancies'" in one.detail
    assert "line 2, column 1: 'variables'" in two.detail


@pytest.mark.parametrize(
    ("selector", "platforms"),
    [
        ("unix", "linux-64 linux-aarch64 osx-64 osx-arm64"),
        ("linux64 or win", "linux-64 win-64"),
        ("not (linux or win)", "osx-64 osx-arm64"),
        ("osx and arm64", "osx-arm64"),
        ("not osx and x86_64", "linux-64 win-64"),
    ],
)
def test_a_selector_holds_on_these_platforms(selector: str, platforms: str) -> None:
    known = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
    assert [platform for platform in known if holds(selector, platform)] == platforms.split()


@pytest.mark.parametrize("selector", ["", "linux and", "linux osx", "(linux", "linux)", "py<3", "(" * 300])
def test_a_selector_that_is_not_one_is_refused(selector: str) -> None:
    with pytest.raises(BadSelector):
        holds(selector, "linux-64")
