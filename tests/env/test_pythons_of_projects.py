"""What runs in a project's own interpreter, which may be older, or newer, than the one that runs repro."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import repro
from repro.env.pip.probe import BrokenInterpreter, probe

SOURCES = Path(repro.__file__).parent
SCRIPTS = (
    "env/pip/probe_script.py",
    "execution/audit_hook/sitecustomize.py",
    "execution/pinning_site/sitecustomize.py",
)
FIRST_WITH_AUDIT_HOOKS = (3, 8)


def pythons() -> list[str]:
    """The one that runs the tests, and those that a version manager keeps beside it."""
    kept = Path(sys.base_prefix).parent.glob("3.*/bin/python3")
    return [sys.executable, *sorted(map(str, kept))]


def said_by(python: str, site: str, folder: Path, code: str, **environ: str) -> str:
    done = subprocess.run(
        [python, "-c", code],
        env={"PYTHONPATH": f"{SOURCES / 'execution' / site}:{folder}", **environ},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of modules with a `sitecustomize` of the user's, and a NumPy that says what it was told."""
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    (tmp_path / "numpy.py").write_text("import os; print(os.environ['NPY_DISABLE_CPU_FEATURES'])")
    (tmp_path / "numpy-1.19.dist-info").mkdir()
    (tmp_path / "numpy-1.19.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.19\n")
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_written_in_what_python_3_6_understands(script: str) -> None:
    tree = ast.parse((SOURCES / script).read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        if isinstance(node, ast.FunctionDef):
            annotations = [node.returns, *(argument.annotation for argument in node.args.args)]
            assert {type(one) for one in annotations} <= {ast.Constant, ast.Name, type(None)}  # they are evaluated


@pytest.mark.parametrize("python", pythons())
def test_an_interpreter_of_any_version_says_what_it_is(python: str, tmp_path: Path) -> None:
    interpreter = probe(python, {"PATH": os.defpath}, str(tmp_path)).interpreter
    assert interpreter.implementation == "cpython"
    assert interpreter.version.startswith("3.")


@pytest.mark.parametrize("python", pythons())
def test_an_interpreter_of_any_version_is_pinned(python: str, site: Path) -> None:
    said = said_by(python, "pinning_site", site, "import numpy", ATEN_CPU_CAPABILITY="avx2")
    assert said.startswith("mine\nAVX512F ")


@pytest.mark.parametrize(
    ("version", "last"), [("1.24.4", "AVX512_ICL"), ("1.25.0", "AVX512_SPR"), ("2.3.5", "AVX512_SPR")]
)
def test_numpy_is_told_of_no_feature_that_it_does_not_know(site: Path, version: str, last: str) -> None:
    """It warns of one. These are the names that it has."""
    metadata = site / "numpy-1.19.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("1.19", version))
    said = said_by(sys.executable, "pinning_site", site, "import numpy", ATEN_CPU_CAPABILITY="avx2")
    assert said.split()[-1] == last


@pytest.mark.parametrize("python", pythons())
def test_an_interpreter_of_any_version_is_watched_or_runs_undisturbed(python: str, site: Path) -> None:
    log = site / "log"
    code = "import sys; print(sys.version_info[:2]); open(sys.executable).close()"
    mine, version = said_by(python, "audit_hook", site, code, REPRO_WATCH_LOG=str(log)).splitlines()
    assert mine == "mine"
    assert log.exists() == (ast.literal_eval(version) >= FIRST_WITH_AUDIT_HOOKS)
    assert not log.exists() or os.fsencode(python) in log.read_bytes()


def test_python_2_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python2"
    python.write_text("#!/bin/sh\nprintf @repro-probe@2.7\necho SyntaxError: invalid syntax >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(BrokenInterpreter, match=r"python2 is Python 2\.7, and only 3\.6 and later are locked"):
        probe(str(python), {"PATH": os.defpath}, str(tmp_path))
