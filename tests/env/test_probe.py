from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from pathlib import Path

import pytest

from repro.env.pip.probe import BrokenInterpreter, probe
from tests.env.conftest import BASE_PYTHON, Desk
from tests.env.small_index import make_wheel


def test_an_interpreter_says_what_it_is(desk: Desk) -> None:
    answer = probe(desk.python, desk.environ, str(desk.project))
    assert answer.interpreter.implementation == "cpython"
    assert answer.interpreter.version == platform.python_version()
    assert answer.interpreter.abi == sysconfig.get_config_var("SOABI")
    assert answer.interpreter.platform == sysconfig.get_platform()
    assert answer.observations.prefix == str(desk.venv)
    assert answer.observations.base_executable == BASE_PYTHON
    assert dict(answer.markers)["sys_platform"] == "linux"


def test_every_installed_distribution_is_seen_with_its_tags(desk: Desk) -> None:
    desk.index.add("Some.Package", "1.0")
    desk.index.list_wheels("some-package")
    wheel = make_wheel(desk.folder / "local", "some_package", "1.0")
    desk.install(str(wheel))
    (only,) = probe(desk.python, desk.environ, str(desk.project)).distributions
    assert (only.name, only.version, only.tags, only.installer) == ("some-package", "1.0", ("py3-none-any",), "uv")
    assert only.direct_url is not None
    assert only.in_site


def test_the_working_directory_does_not_shadow_the_standard_library(desk: Desk) -> None:
    (desk.project / "json.py").write_text("raise SystemExit('shadowed')")
    (desk.project / "stray-1.0.dist-info").mkdir()
    (desk.project / "stray-1.0.dist-info/METADATA").write_text("Name: stray\nVersion: 1.0\n")
    assert probe(desk.python, desk.environ, str(desk.project)).distributions == ()


def test_what_startup_files_print_does_not_disturb(desk: Desk) -> None:
    (next(desk.venv.glob("lib/python*/site-packages")) / "noise.pth").write_text("import sys; print('{\"noise\"')\n")
    assert probe(desk.python, desk.environ, str(desk.project)).interpreter.implementation == "cpython"


def test_the_first_on_the_path_wins(desk: Desk) -> None:
    other = desk.folder / "other"
    desk.install(str(make_wheel(desk.folder / "local", "twice", "1.0")))
    subprocess.run([BASE_PYTHON, "-m", "zipfile", "-e", str(make_wheel(other, "twice", "2.0")), str(other)], check=True)
    (only,) = probe(desk.python, {**desk.environ, "PYTHONPATH": str(other)}, str(desk.project)).distributions
    assert only.version == "2.0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho no such thing >&2\nexit 3\n", "no such thing"),
        ("#!/bin/sh\necho 3.11\n", "does not answer as a Python does"),
        ("#!/bin/sh\necho '@repro-probe@{\"implementation\": 7}'\n", "does not answer as a Python does"),
        ("", "does not answer|cannot be executed"),
    ],
)
def test_what_is_no_python_is_named(tmp_path: Path, text: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(text)
    python.chmod(0o755)
    with pytest.raises(BrokenInterpreter, match=said) as caught:
        probe(str(python), {"PATH": os.defpath}, str(tmp_path))
    assert str(python) in caught.value.message
    assert caught.value.exit_code == 3
