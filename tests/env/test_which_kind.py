"""The kind of an environment where nobody says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.env.which_kind import find_kind
from repro.model.environments.environment_settings import EnvironmentSettings


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    prefix = tmp_path / "conda"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "bin").mkdir()
    for name in ("python", "python3", "Rscript"):
        (prefix / "bin" / name).write_text("")
        (prefix / "bin" / name).chmod(0o755)
    return prefix


def kind(root: Path, *command: str, settings: EnvironmentSettings | None = None, **environ: str) -> str:
    return find_kind(settings or EnvironmentSettings(), command, str(root), environ, str(root))


def test_a_python_of_a_conda_prefix_is_condas(tmp_path: Path, conda: Path) -> None:
    assert kind(tmp_path, str(conda / "bin/python"), "x.py", PATH="/usr/bin:/bin") == "conda"
    assert kind(tmp_path, "python", "x.py", PATH=f"{conda}/bin:/usr/bin:/bin") == "conda"


def test_a_program_of_a_conda_prefix_that_is_no_python_is_condas(tmp_path: Path, conda: Path) -> None:
    (conda / "bin/python").unlink()
    (conda / "bin/python3").unlink()
    assert kind(tmp_path, "Rscript", "x.R", PATH=f"{conda}/bin") == "conda"


def test_without_a_command_the_active_prefix_counts(tmp_path: Path, conda: Path) -> None:
    assert kind(tmp_path, PATH=f"{conda}/bin:/usr/bin:/bin", CONDA_PREFIX=str(conda)) == "conda"


def test_a_virtual_environment_made_from_condas_python_is_pips(tmp_path: Path, conda: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(conda / "bin/python")
    assert kind(tmp_path, ".venv/bin/python", PATH="/usr/bin:/bin", CONDA_PREFIX=str(conda)) == "pip"


def test_an_environment_file_that_nobody_names_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: []\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert kind(tmp_path, PATH="/usr/bin:/bin") == "pip"


def test_settings_decide(tmp_path: Path, conda: Path) -> None:
    python = str(conda / "bin/python")
    assert kind(tmp_path, python, settings=EnvironmentSettings(kind="pip"), PATH="") == "pip"
    assert kind(tmp_path, settings=EnvironmentSettings(file="envs/environment.yml"), PATH="") == "conda"
    assert kind(tmp_path, settings=EnvironmentSettings(file="docker/Dockerfile"), PATH="") == "image"
    assert kind(tmp_path, settings=EnvironmentSettings(image="debian:12"), PATH="") == "image"
