"""Requirements files that an environment.yml names under `pip:`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.env.conda.lock_maker import LockTask, make_lock
from repro.env.conda.pip_part import BadPipPart
from repro.env.conda.platform import platform_here
from repro.env.conda.project_files import read_wish
from repro.env.conda.requirements_files import NoRequirementsFile
from repro.model.environments.conda_environment_yml import BadEnvironmentYml, CondaWish
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.environment_settings import EnvironmentSettings
from tests.command_line import Person
from tests.conda.test_pip_part import by_pip
from tests.conda.test_solve import wish
from tests.env.small_index import SmallIndex


def written(root: Path, channel: object, *lines: str, **files: str) -> CondaWish:
    """What `env/environment.yml` with these lines under `pip:` asks for; `a__b` is the file `a/b.txt`."""
    for name, text in {**files, "env__x": ""}.items():
        path = root / (name.replace("__", "/") + ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "env/environment.yml").write_text(wish(channel, "python", f"{{pip: {list(lines)!r}}}"))
    return read_wish(str(root), "env/environment.yml", EnvironmentSettings())


def locked(asked: CondaWish, root: Path, wheels: SmallIndex) -> CondaLock:
    task = LockTask({**os.environ, "UV_DEFAULT_INDEX": wheels.url}, str(root / "env"), str(root / "cache"))
    return make_lock(asked, (platform_here(),), ["env/environment.yml", *asked.files], task)


def test_files_that_name_files_are_locked_as_if_their_lines_stood_there(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    wheels.add("beta", "1.0")
    wheels.add("beta", "2.0")
    wheels.add("gamma", "3.0", requires=["beta"])
    asked = written(
        tmp_path,
        channel,
        "-r ../all.txt",
        all="alpha  # by name\n-r parts/more.txt\n",
        parts__more="-c ../pins.txt\ngamma\n",
        pins="beta <2\nnever-installed ==9\n",
    )
    assert asked.files == ("all.txt", "parts/more.txt", "pins.txt")
    made = locked(asked, tmp_path, wheels)
    assert {name: one.version for name, one in by_pip(made).items()} == {"alpha": "1.0", "beta": "1.0", "gamma": "3.0"}
    assert made.sources == ("env/environment.yml", "all.txt", "parts/more.txt", "pins.txt")


def test_a_changed_constraint_is_another_wish(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    lines = ("-r ../all.txt", "-c ../pins.txt")
    one = locked(written(tmp_path, channel, *lines, all="alpha\n", pins="alpha <9\n"), tmp_path, wheels)
    other = locked(written(tmp_path, channel, *lines, all="alpha\n", pins="alpha <8\n"), tmp_path, wheels)
    plain = locked(written(tmp_path, channel, "alpha"), tmp_path, wheels)
    assert len({made.content_hash[platform_here()] for made in (one, other, plain)}) == 3
    assert by_pip(one) == by_pip(other) == by_pip(plain)


def test_a_hash_in_a_file_holds(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    sha256 = by_pip(locked(written(tmp_path, channel, "alpha"), tmp_path, wheels))["alpha"].sha256
    right = f"alpha==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{sha256}\n"
    asked = written(tmp_path, channel, "-r ../all.txt", all=right)
    assert by_pip(locked(asked, tmp_path, wheels))["alpha"].sha256 == sha256
    asked = written(tmp_path, channel, "-r ../all.txt", all=right.replace(sha256, "1" * 64))
    with pytest.raises(BadPipPart, match=r"no file of alpha 1\.0 has a hash that `--hash` allows"):
        locked(asked, tmp_path, wheels)


def test_a_selector_holds_for_all_lines_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("alpha\n")
    text = "channels: [x]\ndependencies:\n  - python\n  - pip:\n    - -r all.txt  # [win]\n    - beta\n"
    (tmp_path / "environment.yml").write_text(text)
    asked = read_wish(str(tmp_path), "environment.yml", EnvironmentSettings())
    assert (asked.pip_for("linux-64"), asked.pip_for("win-64")) == (("beta",), ("alpha", "beta"))


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        ({}, NoRequirementsFile, r"env/environment\.yml, line 4: all\.txt is not there"),
        ({"all": "alpha\n-r other.txt\n"}, NoRequirementsFile, r"all\.txt, line 2: other\.txt is not there"),
        (
            {"all": "-r more.txt\n", "more": "\n-r all.txt\n"},
            BadEnvironmentYml,
            r"more\.txt, line 2: all\.txt incl",
        ),
        ({"all": "-r https://example.org/x.txt\n"}, BadEnvironmentYml, r"all\.txt, line 1: https.* is to be fetched"),
    ],
)
def test_a_file_that_cannot_be_taken_is_named_with_its_line(
    tmp_path: Path, files: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        written(tmp_path, "x", "-r ../all.txt", **files)


def test_a_line_that_no_lock_can_hold_is_told_with_its_file(tmp_path: Path, wheels: SmallIndex) -> None:
    asked = written(tmp_path, "http://127.0.0.1:9/never-asked", "-r ../all.txt", all="alpha\n--pre\n")
    with pytest.raises(BadPipPart, match=r"^all\.txt, line 2: `pip:` has '--pre', an option of pip"):
        locked(asked, tmp_path, wheels)


def test_a_changed_file_is_drift(ann: Person, channel: Path, wheels: SmallIndex) -> None:
    ann = ann.having(UV_DEFAULT_INDEX=wheels.url)
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "environment: {file: environment.yml}\n")
    ann.write("environment.yml", wish(channel, "python", "{pip: ['-r requirements.txt']}"))
    ann.write("requirements.txt", "alpha\n")
    ann.repro("env", "lock")
    ann.repro("env", "create")
    assert ann.repro_json("env", "check")["findings"] == []
    ann.write("requirements.txt", "alpha >=1\n")
    [finding] = ann.repro_json("env", "check", expect=1)["findings"]
    assert finding["detail"] == "environment.yml or requirements.txt has changed since conda-lock.yml was made from it"
    ann.repro("env", "lock")
    assert ann.repro_json("env", "check")["findings"] == []


def test_a_constraint_that_conda_breaks_is_told_where_pip_needs_the_package(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    """conda installs words 1.1, which `gamma` needs; an index has it too, as one does."""
    wheels.add("words", "1.0")
    wheels.add("gamma", "3.0", requires=["words"])
    told = r"^pins\.txt, line 2: 'words <1\.1' constrains what pip may use, and conda installs words 1\.1$"
    for lines in (["gamma"], ["words"], ["alpha", "words"]):
        asked = with_words(tmp_path, channel, *lines, pins="# what we use\nwords <1.1\n")
        with pytest.raises(BadPipPart, match=told):
            locked(asked, tmp_path, wheels)
    for lines, pins in (
        (["gamma"], "words <2\n"),
        (["gamma"], "words <1.1 ; python_version < '3.2'\n"),
        (["alpha"], "words <1.1\n"),  # as with pip: nothing that it installs needs that
    ):
        made = locked(with_words(tmp_path, channel, *lines, pins=pins), tmp_path, wheels)
        assert by_pip(made).keys() == set(lines)
    wheels.remove("words", "1.0")
    with pytest.raises(BadPipPart, match=told):
        locked(with_words(tmp_path, channel, "gamma", pins="\nwords <1.1\n"), tmp_path, wheels)


def with_words(root: Path, channel: Path, *lines: str, pins: str) -> CondaWish:
    """What is asked of pip with these constraints, where conda installs `words`."""
    (root / "pins.txt").write_text(pins)
    part = ["-c pins.txt", *lines]
    (root / "environment.yml").write_text(wish(channel, "python", "words", f"{{pip: {part!r}}}"))
    (root / "env").mkdir(exist_ok=True)
    return read_wish(str(root), "environment.yml", EnvironmentSettings())
