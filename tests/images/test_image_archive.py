"""An image that nobody has any more comes back from the remote alone, with the run that used it."""

from __future__ import annotations

import secrets
from pathlib import Path

import docker
import pytest

from tests.command_line import Person


def test_a_run_is_rebuilt_from_the_remote_alone_when_engine_and_registry_have_forgotten_its_image(
    imaged: Person, bob: Person, client: docker.DockerClient, tmp_path: Path
) -> None:
    imaged.write("lib/greet.py", f"def greet():\n    return {secrets.token_hex(4)!r}\n")
    imaged.repro("env", "lock")
    lock = (imaged.cwd / "image.lock").read_text()
    image = next(line.split()[1] for line in lock.splitlines() if line.startswith("image: "))
    imaged.repro("run", "-o", "out", "--", "python3", "train.py")
    imaged.repro("env", "archive", "@last")
    imaged.repro("remote", "add", "store", str(tmp_path / "store"))
    imaged.repro("push")
    assert "all present and intact" in imaged.repro("verify", "--from", str(tmp_path / "store"), "@last").stdout
    imaged.cwd.rename(tmp_path / "gone")
    client.images.remove(f"sha256:{image}", force=True)
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(f"sha256:{image}")

    bob = bob.having(DOCKER_HOST=imaged.variables["DOCKER_HOST"])
    answer = bob.repro_json("rebuild", "--offline", "--from", str(tmp_path / "store"), "@last")
    assert answer["verdict"] == "identical"
    assert [output["verdict"] for output in answer["outputs"]] == ["identical"]
    assert client.images.get(f"sha256:{image}"), "under the same id"


def test_without_archive_and_registry_the_missing_image_is_named_before_the_start(
    imaged: Person, client: docker.DockerClient
) -> None:
    imaged.write("lib/greet.py", f"def greet():\n    return {secrets.token_hex(4)!r}\n")
    imaged.repro("run", "-o", "out", "--", "python3", "train.py")
    image = imaged.manifest()["facts"]["recipe"]["environment"]["image"]
    client.images.remove(f"sha256:{image}", force=True)
    answer = imaged.repro_json("rebuild", "@last", expect=3)
    assert answer["verdict"] == "unbuildable"
    assert "image-missing" in [finding["kind"] for finding in answer["findings"]]


def test_a_diff_names_the_image_its_dockerfile_and_its_files(imaged: Person) -> None:
    imaged.repro("run", "--", "true")
    imaged.write("lib/greet.py", "def greet():\n    return 'other'\n")
    imaged.repro("run", "--", "true")
    first, second = imaged.runs()
    done = imaged.repro("env", "diff", first, second, expect=None)
    assert "image" in done.stdout
    assert "build context" in done.stdout
    assert "Dockerfile" not in done.stdout
    assert imaged.repro("env", "check", second).returncode == 0
    assert imaged.repro("env", "check", first, expect=None).returncode == 1
