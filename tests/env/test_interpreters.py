from __future__ import annotations

import json
import os
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from repro.env.pip import kind as pip
from repro.env.pip.interpreters import find_interpreter
from repro.model.environments.environment import Interpreter, PipEnvironment
from tests.env.conftest import BASE_PYTHON, Desk


@pytest.fixture
def here(desk: Desk) -> PipEnvironment:
    return desk.capture().environment


def with_python(environment: PipEnvironment, **fields: str) -> PipEnvironment:
    return replace(environment, python=replace(environment.python, **fields))


def pretend(path: Path, python: Interpreter) -> Path:
    """An executable that answers the probe as another interpreter would."""
    answer = {
        "implementation": python.implementation,
        "version": python.version,
        "abi": python.abi,
        "platform": python.platform,
        "build": "",
        "libc": "",
        "prefix": "/",
        "executable": str(path),
        "base_executable": str(path),
        "markers": {},
        "distributions": [],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n@repro-probe@{json.dumps(answer)}\nEND\n")
    path.chmod(0o755)
    return path


def test_the_same_python_is_found_and_it_is_no_venv(desk: Desk, here: PipEnvironment) -> None:
    activated = {**desk.environ, "PATH": f"{desk.venv}/bin:{desk.environ['PATH']}", "VIRTUAL_ENV": str(desk.venv)}
    plan = pip.plan(here, environ=activated)
    assert plan.means
    assert os.path.realpath(plan.means) == BASE_PYTHON
    assert plan.findings == ()


def test_no_matching_interpreter_blocks_with_a_hint(desk: Desk, here: PipEnvironment) -> None:
    plan = pip.plan(with_python(here, version="3.11.99", abi="cpython-311-x"), environ=desk.environ)
    assert plan.means == ""
    (finding,) = plan.blocking
    assert finding.kind == "no-interpreter"
    assert "cpython 3.11.99" in finding.detail
    assert finding.hint == "uv python install 3.11.99, or --python PATH"


@pytest.mark.parametrize("version", ["--help", "../../../tmp/x", "3", "3.11.7; id", ""])
def test_a_version_from_elsewhere_never_becomes_an_option_or_a_path(
    desk: Desk, here: PipEnvironment, version: str
) -> None:
    assert find_interpreter(replace(here.python, version=version), desk.environ) is None


def test_a_version_from_elsewhere_leads_to_no_program(desk: Desk, here: PipEnvironment) -> None:
    (desk.folder / "pyenv/versions").mkdir(parents=True)
    wanted = replace(here.python, version="../../evil")
    pretend(desk.folder / "evil/bin/python", wanted)
    environ = {**desk.environ, "PYENV_ROOT": str(desk.folder / "pyenv")}
    assert find_interpreter(wanted, environ) is None


def test_a_venv_on_the_path_is_not_taken_for_an_interpreter(desk: Desk, here: PipEnvironment) -> None:
    wanted = Interpreter("cpython", "3.11.98", "cpython-311-x86_64-linux-gnu", here.python.platform)
    pretend(desk.folder / "other/bin/python3.11", wanted)
    (desk.folder / "other/pyvenv.cfg").write_text("home = /nowhere\n")
    environ = {**desk.environ, "PATH": f"{desk.folder / 'other/bin'}:{desk.environ['PATH']}"}
    assert find_interpreter(wanted, environ) is None


def test_another_interpreter_may_be_insisted_on(desk: Desk, here: PipEnvironment) -> None:
    other = with_python(here, version="3.11.99")
    plan = pip.plan(other, environ=desk.environ, python=BASE_PYTHON)
    assert plan.means == BASE_PYTHON
    assert plan.blocking == ()
    assert [finding.kind for finding in plan.warnings] == ["other-interpreter"]


def test_an_insisted_interpreter_that_does_not_run_blocks(desk: Desk, here: PipEnvironment) -> None:
    plan = pip.plan(here, environ=desk.environ, python="/no/such/python")
    assert plan.means == ""
    assert [finding.kind for finding in plan.blocking] == ["no-interpreter"]
    assert "/no/such/python" in plan.blocking[0].detail


def test_another_platform_is_a_warning(desk: Desk, here: PipEnvironment) -> None:
    other = with_python(here, platform="macosx-14.0-arm64", abi="cpython-311-darwin")
    plan = pip.plan(other, environ=desk.environ)
    assert plan.means
    assert plan.blocking == ()
    assert [finding.kind for finding in plan.warnings] == ["other-platform"]


def test_what_was_not_pinned_blocks(desk: Desk, here: PipEnvironment) -> None:
    plan = pip.plan(replace(here, unlocked=("alpha", "beta")), environ=desk.environ)
    assert plan.means
    assert [finding.kind for finding in plan.blocking] == ["environment-unlocked", "environment-unlocked"]
    assert "alpha" in plan.blocking[0].detail


def test_a_python_of_pyenv_is_found(desk: Desk, here: PipEnvironment) -> None:
    wanted = Interpreter("cpython", "3.11.98", "cpython-311-x86_64-linux-gnu", here.python.platform)
    python = pretend(desk.folder / "pyenv/versions/3.11.98/bin/python", wanted)
    environ = {**desk.environ, "PYENV_ROOT": str(desk.folder / "pyenv")}
    assert find_interpreter(wanted, environ) == (str(python), wanted)


def test_a_python_on_the_path_is_found(desk: Desk, here: PipEnvironment) -> None:
    wanted = Interpreter("cpython", "3.11.98", "cpython-311-x86_64-linux-gnu", here.python.platform)
    python = pretend(desk.folder / "bin/python3.11", wanted)
    environ = {**desk.environ, "PATH": f"{desk.folder / 'bin'}:{desk.environ['PATH']}"}
    assert find_interpreter(wanted, environ) == (str(python), wanted)


def test_a_python_behind_an_active_venv_on_the_path_is_found(desk: Desk, here: PipEnvironment) -> None:
    wanted = Interpreter("cpython", "3.11.98", "cpython-311-x86_64-linux-gnu", here.python.platform)
    python = pretend(desk.folder / "bin/python3.11", wanted)
    pretend(desk.folder / "other/bin/python3.11", wanted)
    (desk.folder / "other/pyvenv.cfg").write_text("home = /nowhere\n")
    uv_is_no_help = {"UV_CACHE_DIR": "/dev/null/none"}
    path = f"{desk.folder / 'other/bin'}:{desk.folder / 'bin'}:{desk.environ['PATH']}"
    assert find_interpreter(wanted, {**desk.environ, **uv_is_no_help, "PATH": path}) == (str(python), wanted)


def test_a_free_threaded_python_is_another_one(desk: Desk, here: PipEnvironment) -> None:
    pretend(desk.folder / "bin/python3.13", Interpreter("cpython", "3.13.98", "cpython-313-x", "linux-x86_64"))
    environ = {**desk.environ, "PATH": f"{desk.folder / 'bin'}:{desk.environ['PATH']}"}
    wanted = Interpreter("cpython", "3.13.98", "cpython-313t-x", "linux-x86_64")
    assert find_interpreter(wanted, environ) is None


def test_a_kind_answers_the_protocol() -> None:
    from repro.env.kinds import EnvironmentKind

    kind: EnvironmentKind = pip
    assert callable(kind.realise)


def test_the_interpreter_that_repro_runs_on_is_known_without_asking_what_sysconfig_says() -> None:
    """Which says the same."""
    abi, platform = str(sysconfig.get_config_var("SOABI")), sysconfig.get_platform()
    wanted = Interpreter(sys.implementation.name, sys.version.split()[0], abi, platform)
    assert find_interpreter(wanted, {"PATH": "/nowhere"}) == (os.path.realpath(sys._base_executable), wanted)  # type: ignore[attr-defined]
