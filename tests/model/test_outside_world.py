"""On what of the outside world an environment depends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repro.model.environments.build_requirements import BuildSystem, build_requirements, build_system, not_among
from repro.model.environments.environment import ImageEnvironment, Interpreter, PipEnvironment, VcsInstall
from repro.model.environments.outside_world import outside_of

PYTHON = Interpreter("cpython", "3.11.7", "cpython-311-x86_64-linux-gnu", "linux-x86_64")
PLAIN = PipEnvironment(PYTHON, ())
IMAGE = ImageEnvironment("0" * 64, "linux/amd64")


def test_an_image_that_no_registry_has_depends_on_an_engine_that_has_it() -> None:
    alone = outside_of(IMAGE, None, ())
    there = outside_of(replace(IMAGE, references=("r.example.org/x@sha256:" + "0" * 64,)), None, ())
    assert alone is not None
    assert "an engine that has the image" in alone.source
    assert there is not None
    assert there.source == "a container registry"
    assert outside_of(IMAGE, ["config.json"], ()) is None


def test_packages_that_need_something_to_be_built_depend_on_an_index() -> None:
    assert outside_of(PLAIN, None, ()) is None
    assert outside_of(PLAIN, None, ("hatchling",)) is not None
    assert outside_of(PLAIN, ["hatchling-1.27.0-py3-none-any.whl"], ("hatchling",)) is None


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("Setup_Tools.X>=2", ()),
        ("setup-tools.x>=4", ("setup-tools-x",)),
        ("tomli; python_version < '3.11'", ()),
        ("tomli; python_version >= '3.11'", ("tomli",)),
        ("flit_core ~= 3.1", ("flit-core",)),
        ("no requirement at all", ("no requirement at all",)),
    ],
)
def test_what_is_missing_to_build_is_told_by_name_version_and_marker(line: str, missing: tuple[str, ...]) -> None:
    files = ["setup_tools_x-3.0-py3-none-any.whl", "linux-64/tomli-1.0-0.conda"]
    assert not_among([line], files, PYTHON) == dict.fromkeys(missing, line)


def test_a_commit_of_which_an_archive_has_no_wheel_depends_on_its_host() -> None:
    commit = VcsInstall("gamma", "0.3", "git", "https://example.org/gamma", "0" * 40, None)
    environment = replace(PLAIN, vcs=(commit,))
    found = outside_of(environment, ["alpha-1.0-py3-none-any.whl", "gamma-0.2-py3-none-any.whl"], ())
    assert found is not None
    assert (found.source, found.unarchived) == ("git hosts", "what is installed from a commit (gamma)")
    assert outside_of(environment, ["gamma-0.3-py3-none-any.whl"], ()) is None


@pytest.mark.parametrize("text", [None, b"", b"[project]\nname='x'\n", b"[[", b"\xff", b"build-system = 3\n"])
def test_setuptools_builds_what_does_not_say_what_builds_it(text: bytes | None) -> None:
    assert build_requirements(text) == ("setuptools >= 40.8.0",)
    assert build_system(text).backend == "setuptools.build_meta:__legacy__"
    assert build_requirements(b"[build-system]\nrequires = []\n") == ()


def test_a_backend_is_read_with_where_it_lies() -> None:
    text = b"[build-system]\nrequires = ['x']\nbuild-backend = 'own:hooks'\nbackend-path = ['tools']\n"
    assert build_system(text) == BuildSystem(("x",), "own:hooks", ("tools",))
    assert build_system(b"[build-system]\nrequires = []\n").backend_path == ()
