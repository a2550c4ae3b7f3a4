"""What was built here from source is recorded as what it became, and made again without a build."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from repro.env.pip.installed_wheel import NotAWheel, write_wheel
from tests.env.conftest import Desk, output_of
from tests.env.small_index import SmallIndex


def installed(desk: Desk, name: str) -> Path:
    (path,) = desk.venv.glob(f"lib/*/site-packages/{name}")
    return path


@pytest.fixture
def built(desk: Desk, index: SmallIndex) -> Desk:
    index.add("alpha", "1.0")
    index.add_source("gamma", "0.3")
    desk.install("alpha", "gamma")
    return desk


def test_the_wheel_is_part_of_the_environment_and_the_source_is_not(built: Desk) -> None:
    environment = built.capture().environment
    (wheel,) = environment.wheels
    assert (wheel.name, wheel.file) == ("gamma", "gamma-0.3-py3-none-any.whl")
    lock = built.lock_of(environment)
    assert lock is not None
    assert b"alpha==1.0" in lock
    assert b"gamma" not in lock


def test_the_lock_as_a_file_has_the_source_and_is_no_drift(built: Desk) -> None:
    text = built.capture().text
    assert "gamma==0.3" in text
    assert "# python: cpython 3." in text
    (built.project / "requirements.lock").write_text(text)
    again = built.capture()
    assert again.findings == ()
    assert [wheel.name for wheel in again.environment.wheels] == ["gamma"]


def test_it_is_made_again_as_it_was_without_a_build(built: Desk, index: SmallIndex) -> None:
    environment = built.capture().environment
    body = installed(built, "gamma.py").read_text()
    assert "BUILT_BY" in body  # another build has another number
    shutil.rmtree(built.environ["UV_CACHE_DIR"])
    index.remove("gamma", "0.3")
    (index.root / "files/gamma-0.3.tar.gz").unlink()
    realised = built.realise(environment)
    (again,) = Path(realised.prefix).glob("lib/*/site-packages/gamma.py")
    assert again.read_text() == body
    assert output_of(realised, built.environ, "gamma-script").strip() == "1"


def test_two_captures_give_the_same_bytes_and_the_second_makes_nothing(built: Desk) -> None:
    first = built.capture().environment
    asked = (built.folder / "memo/built-wheels").stat().st_mtime_ns
    assert built.capture().environment == first
    assert (built.folder / "memo/built-wheels").stat().st_mtime_ns == asked
    shutil.rmtree(built.folder / "memo")
    assert built.capture().environment.wheels == first.wheels


def test_the_wheel_holds_what_is_installed_with_its_scripts_as_they_were(built: Desk, tmp_path: Path) -> None:
    path = tmp_path / "gamma-0.3-py3-none-any.whl"
    write_wheel(str(installed(built, "gamma-0.3.dist-info")), str(built.venv), str(path))
    with zipfile.ZipFile(path) as wheel:
        assert wheel.read("gamma-0.3.data/scripts/gamma-script").startswith(b"#!python\n")
        assert "gamma-0.3.dist-info/INSTALLER" not in wheel.namelist()
    second = tmp_path / "second" / path.name
    second.parent.mkdir()
    os.utime(installed(built, "gamma.py"))
    write_wheel(str(installed(built, "gamma-0.3.dist-info")), str(built.venv), str(second))
    assert path.read_bytes() == second.read_bytes()
    environ = {**built.environ, "PYTHONPATH": str(path)}
    done = subprocess.run([built.python, "-c", "import gamma"], env=environ, check=False, capture_output=True)
    assert done.returncode == 0


def test_what_lacks_a_file_makes_no_wheel(built: Desk, tmp_path: Path) -> None:
    installed(built, "gamma.py").unlink()
    with pytest.raises(NotAWheel, match=r"gamma\.py"):
        write_wheel(str(installed(built, "gamma-0.3.dist-info")), str(built.venv), str(tmp_path / "x.whl"))
    environment = built.capture().environment
    assert environment.wheels == ()
