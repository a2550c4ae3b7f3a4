"""An interpreter that is not on this machine and that uv can install, from a list and a mirror on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from repro.env.pip import kind as pip
from repro.env.pip.install_failures import EnvironmentNotMade
from repro.env.pip.managed_python import installable, interpreter_of
from repro.env.pip.probe import probe
from repro.env.unobtainable import EnvironmentOffline
from repro.model.environments.environment import Interpreter, PipEnvironment
from tests.env.conftest import BASE_PYTHON, Desk

HERE = sys.version_info


LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "__pycache__", "idlelib", "tkinter", "ensurepip"}


def _needed(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Of the standard library, what a Python needs to start; of an absolute link, nothing."""
    name = info.name.rpartition("/")[2]
    is_odd = not (info.isfile() or info.isdir()) or name.endswith(".a") or name.startswith("config-")
    return None if name in LEFT_OUT or is_odd else info


def make_python(archive: Path) -> None:
    """A copy of the Python that runs here: CPython's own builds cannot be fetched where these tests run."""
    minor = f"{HERE.major}.{HERE.minor}"
    with tarfile.open(archive, "w:gz", compresslevel=1) as made:
        made.add(os.path.realpath(BASE_PYTHON), f"python/bin/python{minor}")
        made.add(sysconfig.get_path("stdlib"), f"python/lib/python{minor}", filter=_needed)


@pytest.fixture
def with_python(desk: Desk) -> None:
    """The archive that the list names is there."""
    make_python(desk.folder / "cpython.tar.gz")


@pytest.fixture
def mirror(desk: Desk) -> dict[str, str]:
    """uv's list of downloads with the Python that runs here, and one that nobody has."""
    minor = f"{HERE.major}.{HERE.minor}"
    archive = desk.folder / "cpython.tar.gz"
    if not archive.exists():
        archive.write_bytes(b"")
    listed = {}
    for patch, url in ((HERE.micro, archive.as_uri()), (98, (desk.folder / "gone.tar.gz").as_uri())):
        key = f"cpython-{minor}.{patch}-linux-{platform.machine()}-gnu"
        listed[key] = {
            "name": "cpython",
            "arch": {"family": platform.machine(), "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": HERE.major,
            "minor": HERE.minor,
            "patch": patch,
            "prerelease": "",
            "url": url,
            "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "variant": None,
            "build": "20260101",
        }
    downloads = desk.folder / "downloads.json"
    downloads.write_text(json.dumps(listed))
    return {
        **desk.environ,
        "UV_PYTHON_DOWNLOADS_JSON_URL": str(downloads),
        "UV_PYTHON_INSTALL_DIR": str(desk.folder / "pythons"),
    }


def wanted(micro: int) -> Interpreter:
    minor = f"{HERE.major}.{HERE.minor}"
    return Interpreter("cpython", f"{minor}.{micro}", f"cpython-{HERE.major}{HERE.minor}-x", "linux-x86_64")


def test_a_plan_has_uv_install_what_it_can_have(mirror: dict[str, str]) -> None:
    plan = pip.plan(PipEnvironment(wanted(98), ()), environ=mirror)
    assert plan.means == f"uv:cpython@{wanted(98).version}"
    assert plan.blocking == ()
    assert [finding.kind for finding in plan.warnings] == ["interpreter-to-install"]


def test_what_uv_does_not_have_or_may_not_fetch_blocks(mirror: dict[str, str]) -> None:
    assert pip.plan(PipEnvironment(wanted(97), ()), environ=mirror).blocking[0].kind == "no-interpreter"
    forbidden = {**mirror, "UV_PYTHON_DOWNLOADS": "never"}
    assert pip.plan(PipEnvironment(wanted(98), ()), environ=forbidden).blocking[0].kind == "no-interpreter"


@pytest.mark.usefixtures("with_python")
def test_it_is_installed_once_and_runs(mirror: dict[str, str]) -> None:
    means = installable(wanted(HERE.micro), f"cpython@{wanted(HERE.micro).version}", mirror)
    assert means is not None
    with pytest.raises(EnvironmentOffline):
        interpreter_of(means, mirror, offline=True)
    path = interpreter_of(means, mirror, offline=False)
    assert path.startswith(mirror["UV_PYTHON_INSTALL_DIR"])
    assert probe(path, mirror, os.sep).interpreter.version == wanted(HERE.micro).version
    Path(mirror["UV_PYTHON_DOWNLOADS_JSON_URL"]).write_text("{}")
    assert interpreter_of(means, mirror, offline=True) == path


def test_a_download_that_is_gone_is_said(mirror: dict[str, str]) -> None:
    with pytest.raises(EnvironmentNotMade, match=r"cpython@3\.\d+\.98") as caught:
        interpreter_of(f"uv:cpython@{wanted(98).version}", mirror, offline=False)
    assert "--python PATH" in (caught.value.hint or "")
