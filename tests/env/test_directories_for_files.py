"""A directory that is called like a file by which an environment is said: it is told, and not passed over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from repro.env.image.context import NoDockerfile
from repro.env.image.lock import NoImage, drift, locked_image, resolve_image
from repro.env.kinds import LockRequest
from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.model.environments.environment import BuiltFrom, ImageEnvironment
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.store.cache.cache import Cache
from tests.command_line import Person
from tests.env.conftest import Desk


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "requirements.lock", "requirements.txt"])
def test_a_pip_lock(desk: Desk, name: str) -> None:
    (desk.project / name).mkdir()
    [finding] = desk.capture().findings
    assert (finding.kind, finding.path) == ("unreadable-lock", name)
    assert finding.detail == "cannot be read: Is a directory"


def test_conda_files(ann: Person) -> None:
    ann.git("init", "--quiet")
    (ann.cwd / "environment.yml").mkdir()
    error = ann.repro_json("env", "lock", expect=3)["error"]
    assert (error["id"], error["message"]) == ("no-conda-file", "environment.yml is a directory")
    (ann.cwd / "environment.yml").rmdir()
    ann.write("environment.yml", "channels: [http://127.0.0.1:9/never-asked]\ndependencies: [python]\n")
    (ann.cwd / "conda-lock.yml").mkdir()
    for command in ("lock", "create"):
        error = ann.repro_json("env", command, expect=3)["error"]
        assert (error["id"], error["message"]) == ("no-conda-file", "conda-lock.yml is a directory")


def test_a_dockerfile_and_an_image_lock(tmp_path: Path) -> None:
    """No engine is asked for what is wrong in the project."""
    (tmp_path / "Dockerfile").mkdir()
    request = _request(tmp_path)
    nobody: Any = None
    with pytest.raises(NoDockerfile, match="the Dockerfile Dockerfile cannot be read: Is a directory"):
        resolve_image(nobody, request)
    nothing = ObjectRef(digest_of(b""), 0)
    built = ImageEnvironment("a" * 64, "linux/amd64", built_from=BuiltFrom(nothing))
    [finding] = drift(built, request)
    assert (finding.kind, finding.path) == ("environment-drift", "Dockerfile")
    (tmp_path / "image.lock").mkdir()
    with pytest.raises(NoImage, match=r"^image\.lock is a directory$"):
        locked_image(request)


def _request(root: Path) -> LockRequest:
    settings = EnvironmentSettings(kind="image")
    sink = Cache(str(root / "store"))
    return LockRequest((), str(root), str(root), dict(os.environ), settings, sink, str(root / "memo"))
