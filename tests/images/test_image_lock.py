"""Locking an image: what is pinned, from what it was built, and what is said where that fails."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from repro.env.image.build import build, export, plan_build
from repro.env.image.engine import connect
from repro.env.image.normalise import read_saved
from tests.base_image import write_image
from tests.command_line import Person
from tests.container_engine import BASE, TestEngine, registry
from tests.refusing_server import NO_SUCH_HOST, NOBODY_LISTENS, REFUSALS, refusing_server


def lock_of(person: Person) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((person.cwd / "image.lock").read_text())
    return found


def pushed(client: docker.DockerClient, name: str) -> str:
    """Build an image, and push it as `NAME:1`; its id. It is another each time: the engine keeps digests of what other
    tests push."""
    dockerfile = io.BytesIO(f"FROM {BASE}\nLABEL one={secrets.token_hex(8)}\n".encode())
    image, _ = client.images.build(fileobj=dockerfile)
    image.tag(name, "1")
    client.images.push(name, tag="1")
    return str(image.id)


def test_two_builds_without_the_engines_cache_give_one_image(engine: TestEngine, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "greet.py").write_text("x = 1\n")
    compiled = 'RUN python3 -c "import py_compile; py_compile.compile(\'/lib2/greet.py\')"\nLABEL a="<&>"\n'
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY lib /lib1\nRUN mkdir /lib2 && cp /lib1/greet.py /lib2\n{compiled}"
    )
    found = connect({"DOCKER_HOST": engine.address})
    plan = plan_build(str(tmp_path), "Dockerfile", None, {})

    first = build(found, plan, str(tmp_path / "memo"), fresh=True)
    time.sleep(1.1)  # files' times are whole seconds
    os.utime(tmp_path / "lib" / "greet.py", (1, 1))
    second = build(found, plan, str(tmp_path / "memo"), fresh=True)

    assert first == second
    api: Any = found.client.api
    attributes = api.inspect_image(f"sha256:{first.image}")
    assert attributes["Config"]["Labels"] == {"a": "<&>"}
    base = api.inspect_image(BASE)
    assert attributes["RootFS"]["Layers"][:1] == base["RootFS"]["Layers"], "layers of the base image are shared with it"
    assert first.bases == ((BASE, base["Id"]),)


def test_python_takes_compiled_code_of_a_normalised_image_as_it_is(engine: TestEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nRUN mkdir /p && echo 'x = 1' > /p/m.py\n"
        "RUN python3 -c \"import py_compile; py_compile.compile('/p/m.py')\"\n"
    )
    found = connect({"DOCKER_HOST": engine.address})
    image = build(found, plan_build(str(tmp_path), "Dockerfile", None, {}), str(tmp_path / "memo")).image
    said = found.client.containers.run(
        f"sha256:{image}", ["python3", "-v", "-c", "import sys; sys.path.insert(0, '/p'); import m"],
        remove=True, network_mode="none", stderr=True,
    ).decode()  # fmt: skip
    assert "/p/__pycache__/m.cpython-311.pyc matches /p/m.py" in said


def test_an_image_id_is_the_sha256_of_its_configuration(engine: TestEngine, imaged: Person) -> None:
    imaged.repro("env", "lock")
    found = connect({"DOCKER_HOST": engine.address})
    with tempfile.TemporaryFile() as file:
        export(found, str(lock_of(imaged)["image"]), file)
        assert hashlib.sha256(read_saved(file).config_bytes).hexdigest() == lock_of(imaged)["image"]


def test_the_lock_says_from_what_the_image_was_built(imaged: Person, client: docker.DockerClient) -> None:
    imaged.repro("env", "lock")
    lock = lock_of(imaged)
    assert lock["platform"] == "linux/amd64"
    built = lock["built_from"]
    assert isinstance(built, dict)
    assert built["bases"] == {BASE: client.images.get(BASE).id}
    assert built["file"]["size"] == len((imaged.cwd / "Dockerfile").read_bytes())
    assert built["context"].startswith("b3:")
    assert dict(lock["packages"])["busybox-static"]  # type: ignore[call-overload]


def test_a_file_that_the_dockerfile_takes_is_drift_and_any_other_is_not(imaged: Person) -> None:
    imaged.repro("env", "lock")
    imaged.write("numbers.csv", "7\n")
    assert "environment-drift" not in imaged.repro("env", "show").stderr
    imaged.write("lib/greet.py", "def greet():\n    return 'hullo'\n")
    said = imaged.repro("env", "show").stderr
    assert "environment-drift: Dockerfile: the files that Dockerfile takes are not those" in said
    before = lock_of(imaged)["image"]
    imaged.repro("env", "lock")
    assert lock_of(imaged)["image"] != before
    assert "environment-drift" not in imaged.repro("env", "show").stderr


def test_a_dockerfile_that_does_not_build_is_told_in_the_engines_words(imaged: Person) -> None:
    imaged.write("Dockerfile", f"FROM {BASE}\nRUN echo about to fail && exit 3\n")
    done = imaged.repro("env", "lock", expect=3)
    assert "Dockerfile does not build" in done.stderr
    assert "returned a non-zero code: 3" in done.stderr
    assert "about to fail" in done.stderr
    assert not (imaged.cwd / "image.lock").exists()


def test_an_image_by_reference_is_pinned_with_its_registrys_digest(
    imaged: Person, client: docker.DockerClient, registry_at: str
) -> None:
    name = f"{registry_at}/pinned"
    image = pushed(client, name)
    client.images.remove(f"{name}:1")
    imaged.write("repro.yaml", f"environment:\n  image: {name}:1\n")
    imaged.repro("env", "lock")
    lock = lock_of(imaged)
    assert lock["image"] == image.removeprefix("sha256:")
    references = lock["references"]
    assert isinstance(references, list)
    assert [reference.partition("@")[0] for reference in references] == [name]
    assert "built_from" not in lock


def test_an_image_that_nobody_has_is_named(imaged: Person, registry_at: str) -> None:
    imaged.write("repro.yaml", f"environment:\n  image: {registry_at}/nobody/has:1\n")
    done = imaged.repro("env", "lock", expect=3)
    assert f"{registry_at}/nobody/has:1" in done.stderr


@pytest.mark.parametrize("whole", ["repro.yaml", "Dockerfile"])
def test_a_registry_that_refuses_fails_or_is_not_there_is_a_remotes_failure(imaged: Person, whole: str) -> None:
    def error_at(host: str) -> dict[str, str]:
        if whole == "Dockerfile":
            imaged.write("Dockerfile", f"FROM {host}/a/b:1\n")
        else:
            imaged.write("repro.yaml", f"environment:\n  image: {host}/a/b:1\n")
        error: dict[str, str] = imaged.repro_json("env", "lock", expect=5)["error"]
        return error

    with refusing_server() as server:
        for status in (*REFUSALS, 500):
            server.status = status
            error = error_at(server.url.removeprefix("http://"))
            assert error["id"] == "registry", status
            assert "docker login" in error["hint"]
    assert "connection refused" in error_at(NOBODY_LISTENS.removeprefix("http://"))["message"]
    assert error_at(NO_SUCH_HOST.removeprefix("http://"))["id"] == "registry"
    assert not (imaged.cwd / "image.lock").exists()


def test_a_registry_that_fails_in_the_middle_of_an_image_is_not_taken_for_one_without_it(
    imaged: Person, client: docker.DockerClient, tmp_path: Path
) -> None:
    with registry(tmp_path / "registry") as address:
        name = f"{address}/half"
        image = pushed(client, name)
        client.images.remove(image, force=True)
        hexadecimal = image.removeprefix("sha256:")
        blobs = tmp_path / "registry" / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"
        (blobs / hexadecimal[:2] / hexadecimal / "data").unlink()
        imaged.write("repro.yaml", f"environment:\n  image: {name}:1\n")
        error = imaged.repro_json("env", "lock", expect=5)["error"]
    assert error["id"] == "registry"
    assert "blob" in error["message"]


def test_a_locked_image_that_nobody_has_any_more_is_named_before_a_run(
    imaged: Person, client: docker.DockerClient, tmp_path: Path
) -> None:
    with registry(tmp_path / "registry") as address:
        name = f"{address}/pinned"
        image = pushed(client, name)
        imaged.write("repro.yaml", f"environment:\n  image: {name}:1\n")
        imaged.repro("env", "lock")
        imaged.repro("run", "--", "true")
        client.images.remove(image, force=True)
        shutil.rmtree(tmp_path / "registry" / "data" / "docker")
        error = imaged.repro_json("env", "show", expect=3)["error"]
        assert error["id"] == "no-such-image"
        assert f"the engine does not have the locked image {image[:19]}: " in error["message"]
        assert f"{name}@sha256:" in error["message"]
        assert "`repro env create RUN` brings it from an archive" in error["hint"]
        done = imaged.repro("run", "--", "true", expect=125)
        assert error["message"] in done.stderr
        assert len(imaged.runs()) == 1
        assert imaged.repro_json("env", "archive", expect=3)["error"]["id"] == "not-archivable"
    assert imaged.repro_json("env", "show", expect=5)["error"]["id"] == "registry", "nobody knows whether it has it"
    assert imaged.repro_json("env", "archive", expect=5)["error"]["id"] == "registry"


def test_an_image_for_another_processor_is_named_before_the_start(
    imaged: Person, client: docker.DockerClient, tmp_path: Path
) -> None:
    archive, image = write_image(tmp_path, "repro-test-arm:1", b"\0" * 1024, architecture="arm64")
    client.images.load(archive.read_bytes())
    try:
        imaged.write("repro.yaml", "environment:\n  image: repro-test-arm:1\n")
        done = imaged.repro("run", "--", "true", expect=125)
        assert f"the image sha256:{image[:12]} is for linux/arm64" in done.stderr
        assert imaged.runs() == []
    finally:
        client.images.remove("repro-test-arm:1")


def test_without_an_engine_a_run_says_so(imaged: Person, tmp_path: Path) -> None:
    alone = imaged.having(DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    done = alone.repro("env", "lock", expect=3)
    assert "no container engine answers at DOCKER_HOST" in done.stderr
    assert "hint:" in done.stderr
    assert alone.repro("run", "--", "true", expect=125).stderr
    assert alone.runs() == []
    alone.write("image.lock", "repro: 1\nkind: image\nimage: [\n")
    error = alone.repro_json("env", "show", expect=4)["error"]
    assert "image.lock" in error["message"], "what no engine would mend is said first"


def test_without_the_sdk_the_extra_is_named(imaged: Person, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "docker.py").write_text("raise ImportError('hidden')\n")
    done = imaged.having(PYTHONPATH=str(tmp_path / "hidden")).repro("env", "lock", expect=3)
    assert "pip install 'repro-run[docker]'" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="sockets of Linux")
def test_engines_are_looked_for_at_their_usual_places(engine: TestEngine, tmp_path: Path) -> None:
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman" / "podman.sock").symlink_to(engine.folder / "docker.sock")
    found = connect({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert found.platform == "linux/amd64"
