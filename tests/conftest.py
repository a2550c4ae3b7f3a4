"""Fixtures for tests that call repro as a user does."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from uv import find_uv_bin

from tests.command_line import Person, make_venv

# No test fails because the machine is slow today.
settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")

# A script that starts the tests in the background (`&`) ignores these for all that they start, and what Ctrl-C does to
# a command could not be seen. SIGHUP stays as `nohup` left it: whoever hangs up wants the tests to go on.
for _number, _by_default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _by_default)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Half as many workers again as processors: a worker waits a seventh of its time."""
    number = yield
    return number if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (3 * number + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: at the end, it would run alone."""
    items.sort(key=lambda item: item.get_closest_marker("begins_first") is None)


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without packages. Tests must not change it."""
    return make_venv(tmp_path_factory.mktemp("venv") / "env", [find_uv_bin()])


@pytest.fixture
def ann(tmp_path: Path, venv: Path) -> Person:
    """Ann, in an empty folder that is no project yet."""
    folder = tmp_path / "ann" / "project"
    folder.mkdir(parents=True)
    return Person(home=tmp_path / "ann", cwd=folder, venv=venv)


@pytest.fixture
def project(ann: Person) -> Person:
    """Ann in a project: a committed script that reads `data/numbers.csv`, which is tracked, and writes `out/`."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("train.py", TRAIN)
    ann.write("data/numbers.csv", "1\n2\n3\n")
    ann.repro("add", "data")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    return ann


@pytest.fixture
def bob(tmp_path: Path, venv: Path) -> Person:
    """Bob, elsewhere: another home, no project, nothing cached."""
    folder = tmp_path / "bob" / "somewhere"
    folder.mkdir(parents=True)
    return Person(home=tmp_path / "bob", cwd=folder, venv=venv)


TRAIN = """\
import json, os, pathlib

numbers = [int(line) for line in open("data/numbers.csv")]
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
(out / "model.txt").write_text(repr({"sum": sum(numbers), "names": sorted({"a", "b"})}))
(out / "metrics.json").write_text(json.dumps({"sum": sum(numbers), "lr": os.environ.get("REPRO_PARAM_lr")}))
print("trained", os.environ["REPRO_RUN_ID"])
"""
