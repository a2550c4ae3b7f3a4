"""A run in an image is rebuilt from a registry by digest, or from the image's files; another image is refused."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from repro.env.image.archive import WrongImage, load_image, store_image
from repro.env.image.build import build, plan_build
from repro.env.image.engine import Engine, connect, engine_at
from repro.env.image.lock import OtherImage, pull_exactly
from repro.env.image.pull import NoSuchImage, local_image, pull
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.environment import ImageEnvironment
from repro.store.cache.cache import Cache
from tests.command_line import Person
from tests.container_engine import BASE, TestEngine, registry


def forget_image(client: docker.DockerClient, image: str) -> None:
    """Take an image from the engine, whatever it is called there, with what it was made of."""
    client.images.remove(f"sha256:{image}", force=True)
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get(f"sha256:{image}")


def own_image(person: Person) -> None:
    """Make the project's image one that no other test has, so that it can be taken away."""
    person.write("lib/greet.py", f"def greet():\n    return {secrets.token_hex(4)!r}\n")


def built_image(engine: Engine, folder: Path) -> str:
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nLABEL one={secrets.token_hex(8)}\nRUN echo a > /a\n")
    return build(engine, plan_build(str(folder), "Dockerfile", None, {}), str(folder / "memo")).image


def test_a_run_is_rebuilt_from_a_registry_by_digest_and_unbuildable_where_that_has_forgotten_it(
    imaged: Person, bob: Person, client: docker.DockerClient, tmp_path: Path
) -> None:
    own_image(imaged)
    with registry(tmp_path / "registry") as address:
        name = f"{address}/team/train"
        imaged.repro("env", "lock")
        lock = (imaged.cwd / "image.lock").read_text()
        image = next(line.split()[1] for line in lock.splitlines() if line.startswith("image: "))
        client.images.get(f"sha256:{image}").tag(name, "1")
        client.images.push(name, tag="1")
        imaged.repro("env", "lock")
        assert f"- {name}@sha256:" in (imaged.cwd / "image.lock").read_text()
        done = imaged.repro("run", "-o", "out", "--", "python3", "train.py")
        assert done.stdout == "trained\n"
        imaged.repro("remote", "add", "store", str(tmp_path / "store"))
        imaged.repro("push")
        imaged.cwd.rename(tmp_path / "gone")
        forget_image(client, image)

        there = bob.having(DOCKER_HOST=imaged.variables["DOCKER_HOST"])
        answer = there.repro_json("rebuild", "--from", str(tmp_path / "store"), "@last")
        assert answer["verdict"] == "identical"
        assert answer["sandbox"]["kind"] == "container"
        assert client.images.get(f"sha256:{image}")

        forget_image(client, image)
        shutil.rmtree(tmp_path / "registry" / "data" / "docker")
        answer = there.repro_json("rebuild", "--from", str(tmp_path / "store"), "@last", expect=3)
        assert answer["verdict"] == "unbuildable"
        finding = answer["findings"][0]
        assert finding["kind"] == "no-such-image"
        assert f"{name}@sha256:" in finding["detail"]
        assert "repro env archive" in finding["hint"]
        offline = there.repro_json("rebuild", "--offline", "--from", str(tmp_path / "store"), "@last", expect=3)
        assert offline["error"]["id"] == "environment-offline", "nobody was asked: no verdict"

    error = there.repro_json("rebuild", "--from", str(tmp_path / "store"), "@last", expect=5)["error"]
    assert error["id"] == "registry"
    assert name in error["message"]


def test_a_registry_has_forgotten_an_image_also_where_the_engine_has_its_manifest_for_a_moment(
    engine: TestEngine, client: docker.DockerClient, tmp_path: Path
) -> None:
    data = tmp_path / "registry" / "data" / "docker"
    with engine_at(engine.address, {}) as asked, registry(tmp_path / "registry") as address:
        image = built_image(asked, tmp_path)
        client.images.get(f"sha256:{image}").tag(f"{address}/once", "1")
        client.images.push(f"{address}/once", tag="1")
        name = client.images.get(f"sha256:{image}").attrs["RepoDigests"][0]
        forget_image(client, image)
        shutil.copytree(data, tmp_path / "kept")
        for _ in range(4):  # in about every other round the engine still has the manifest, and asks for the rest alone
            pull(asked, name)
            forget_image(client, image)
            shutil.rmtree(data)
            with pytest.raises(NoSuchImage):
                pull(asked, name)
            shutil.copytree(tmp_path / "kept", data)


def test_a_rebuild_has_no_network_and_read_only_inputs(locked: Person, registry_at: str) -> None:
    host, port = registry_at.split(":")
    script = f"""
import _socket, os
def attempt(what):
    try:
        what()
        return "done"
    except OSError:
        return "refused"
def write():
    open("data.csv", "a").write("more")
def connect():
    _socket.socket().connect(({host!r}, {port}))
with open("data.csv") as data, open("told", "w") as told:
    told.write(data.read() + attempt(connect))
with open("input", "w") as file:
    file.write(attempt(lambda: os.close(os.open("data.csv", os.O_WRONLY))))
"""
    locked.write("repro.yaml", "environment:\n  kind: image\n  network: host\n")
    locked.write("script.py", script)
    locked.write("data.csv", "1\n")
    locked.repro("add", "data.csv")
    locked.repro("run", "-o", "told", "-o", "input", "--", "python3", "script.py")
    assert (locked.cwd / "told").read_text() == "1\ndone"
    done = locked.repro("rebuild", "@last", "--keep", "--json", expect=1)
    import json

    folder = Path(json.loads(done.stdout)["directory"])
    assert (folder / "told").read_text() == "1\nrefused"
    assert (folder / "input").read_text() == "refused"
    assert "the run had the network, the rebuild has none" in done.stdout


def test_a_container_is_no_sandbox_of_another_kind_of_environment(project: Person) -> None:
    project.repro("run", "--", "python", "train.py")
    done = project.repro("rebuild", "--sandbox", "container", "@last", expect=3)
    assert "no container to run it in" in done.stderr


def test_another_sandbox_than_a_container_is_refused_for_an_image(locked: Person) -> None:
    locked.repro("run", "--", "true")
    done = locked.repro("rebuild", "--sandbox", "bwrap", "@last", expect=3)
    assert "it runs in a container, not in bwrap" in done.stderr


def test_an_archived_image_comes_back_as_itself_and_shares_its_base(engine: TestEngine, tmp_path: Path) -> None:
    found, cache = connect({"DOCKER_HOST": engine.address}), Cache(str(tmp_path / "store"))
    image = built_image(found, tmp_path)
    base = str(local_image(found, BASE)["Id"]).removeprefix("sha256:")  # type: ignore[index]
    files = store_image(found, image, cache)
    of_base = store_image(found, base, cache)
    assert [file.name for file in files] == [f"blobs/sha256/{file.sha256}" for file in files]
    assert {file.object for file in of_base[1:]} < {file.object for file in files}
    for file in files[:1]:
        assert hashlib.sha256(cache.read(file.object)).hexdigest() == file.sha256 == image

    found.client.images.remove(f"sha256:{image}", force=True)
    load_image(found, image, files, lambda refs: None, cache)
    assert local_image(found, f"sha256:{image}") is not None


@pytest.mark.parametrize("what", ["a layer", "the configuration", "a layer that is not there"])
def test_a_changed_archive_is_refused_and_leaves_nothing_in_the_engine(
    engine: TestEngine, tmp_path: Path, what: str
) -> None:
    found, cache = connect({"DOCKER_HOST": engine.address}), Cache(str(tmp_path / "store"))
    image = built_image(found, tmp_path)
    files = list(store_image(found, image, cache))
    found.client.images.remove(f"sha256:{image}", force=True)
    index = 0 if what == "the configuration" else len(files) - 1
    changed: list[ArchivedFile] = [*files]
    if what == "a layer that is not there":
        del changed[index]
    else:
        data = cache.read(files[index].object)
        changed[index] = replace(files[index], object=cache.add_bytes(data[:-1] + bytes([data[-1] ^ 1])))
    with pytest.raises(WrongImage):
        load_image(found, image, changed, lambda refs: None, cache)
    assert local_image(found, f"sha256:{image}") is None


def test_another_image_under_a_recorded_digest_is_refused(
    engine: TestEngine, client: docker.DockerClient, registry_at: str, tmp_path: Path
) -> None:
    found = connect({"DOCKER_HOST": engine.address})
    name = f"{registry_at}/other"
    client.images.get(f"sha256:{built_image(found, tmp_path)}").tag(name, "1")
    client.images.push(name, tag="1")
    api: Any = found.client.api
    digests = api.inspect_image(f"{name}:1")["RepoDigests"]
    reference = next(digest for digest in digests if digest.startswith(name))
    wanted = ImageEnvironment("0" * 64, "linux/amd64", (reference,))
    with pytest.raises(OtherImage) as refused:
        pull_exactly(found, wanted)
    assert refused.value.exit_code == 4


def test_a_repetition_of_a_run_in_a_container_stands_elsewhere(locked: Person) -> None:
    locked.write("where.py", "import os\nwith open('where', 'w') as file:\n    file.write(os.getcwd())\n")
    done = locked.repro("run", "--twice", "--", "python3", "where.py")
    assert "twice: different" in done.stderr
