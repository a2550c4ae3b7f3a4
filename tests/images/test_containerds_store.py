"""Engines that keep images in containerd's store: the same locks, runs, archives and rebuilds as with the others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from repro.env.image.engine import Engine, EngineRefused, connect
from repro.env.image.identity import find_image, image_id
from repro.env.image.loadable import ImageArchive, load
from repro.env.image.pull import local_image, pull
from tests.base_image import write_image
from tests.command_line import Person
from tests.container_engine import BASE, TestEngine

DELETING = f"""\
FROM {BASE}
COPY lib /opt/lib
ENV PYTHONPATH=/opt/lib
RUN rm /usr/bin/head /opt/lib/gone && rm -r /opt/lib/dir && mkdir /opt/lib/dir && touch /opt/lib/dir/fresh
"""
_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def found(other_store: TestEngine) -> Iterator[Engine]:
    """The engine with containerd's store, as repro has it."""
    engine = connect({"DOCKER_HOST": other_store.address})
    with contextlib.closing(engine.client):
        yield engine


@pytest.fixture
def there(imaged: Person, other_store: TestEngine) -> Person:
    """Ann in the project, with that engine and an image that no other test has."""
    imaged.write("Dockerfile", DELETING)
    imaged.write("lib/greet.py", f"def greet():\n    return {secrets.token_hex(4)!r}\n")
    imaged.write("lib/gone", "1")
    imaged.write("lib/dir/old", "2")
    return imaged.having(DOCKER_HOST=other_store.address)


def locked(person: Person) -> tuple[bytes, str]:
    """Lock, and return the lock and the image's id."""
    (person.cwd / "image.lock").unlink(missing_ok=True)
    person.repro("env", "lock")
    lock = (person.cwd / "image.lock").read_bytes()
    return lock, next(line.split()[1] for line in lock.decode().splitlines() if line.startswith("image: "))


def forget(engine: Engine, image: str) -> None:
    """Take an image from the engine, whatever it is called there."""
    attributes = find_image(engine, image)
    assert attributes is not None
    engine.client.images.remove(attributes["Id"], force=True)
    assert find_image(engine, image) is None


def test_a_run_goes_from_one_store_to_the_other_and_back(
    imaged: Person, there: Person, bob: Person, found: Engine, engine: TestEngine, tmp_path: Path
) -> None:
    first, image = locked(imaged)
    assert locked(there) == (first, image), "deleted files are written in two ways by the engines, and in one by repro"
    assert (local_image(found, BASE) or {})["Id"] not in first.decode()
    assert there.repro("run", "-o", "out", "--", "python3", "train.py").stdout == "trained\n"
    assert there.repro_json("env", "check")["findings"] == []
    there.repro("env", "archive", "@last")
    there.repro("remote", "add", "store", str(tmp_path / "store"))
    there.repro("push")
    imaged.cwd.rename(tmp_path / "gone")

    classic = connect({"DOCKER_HOST": engine.address})
    with contextlib.closing(classic.client):
        for one in (found, classic):
            forget(one, image)
            rebuild = ("rebuild", "--offline", "--from", str(tmp_path / "store"), "@last")
            assert bob.having(DOCKER_HOST=one.address).repro_json(*rebuild)["verdict"] == "identical"
            assert find_image(one, image) is not None


def test_an_image_comes_back_from_a_registry_by_the_digest_that_either_store_locks(
    imaged: Person, there: Person, found: Engine, registry_at: str
) -> None:
    _, image = locked(there)
    name = f"{registry_at}/other-store"
    attributes = find_image(found, image)
    assert attributes is not None
    found.client.api.tag(attributes["Id"], name, "1")
    there.write("repro.yaml", f"environment:\n  image: {name}:1\n")
    assert b"references" not in locked(there)[0], "a name is no evidence of a registry"
    found.client.images.push(name, tag="1")
    lock, same = locked(there)
    assert same == image
    assert f"{name}@{attributes['Id']}".encode() in lock

    forget(found, image)
    there.repro("run", "--", "true")
    assert find_image(found, image) is not None, "the run has pulled it"
    forget(found, image)
    pull(found, f"{name}:1")
    assert find_image(found, image) is None
    assert find_image(found, image, [f"{name}@{attributes['Id']}"]) is not None, "somebody has pulled it"
    assert locked(imaged) == (lock, image)


def test_an_image_that_was_only_loaded_is_locked_as_being_nowhere_else(imaged: Person, there: Person) -> None:
    there.write("repro.yaml", f"environment:\n  image: {BASE}\n")
    assert "image-only-here" in there.repro("env", "show", "--json").stdout
    lock, image = locked(there)
    assert b"references" not in lock
    assert image == locked(imaged)[1]  # whose engine may have it from a registry, by other tests


def test_of_an_index_the_image_for_the_engines_platform_is_meant(
    found: Engine, client: docker.DockerClient, registry_at: str, tmp_path: Path
) -> None:
    name, entries = f"{registry_at}/several", []
    for architecture in ("arm64", "amd64"):
        archive, image = write_image(tmp_path, f"{name}:{architecture}", b"\0" * 1024, architecture)
        client.images.load(archive.read_bytes())
        said = [json.loads(line) for line in client.images.push(name, tag=architecture).splitlines()]
        client.images.remove(f"{name}:{architecture}")
        pushed = next(line["aux"] for line in said if "aux" in line)
        entries.append(
            {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "digest": pushed["Digest"],
                "size": pushed["Size"],
                "platform": {"os": "linux", "architecture": architecture},
            }
        )
    index = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}).encode()
    request = urllib.request.Request(f"http://{registry_at}/v2/several/manifests/all", data=index, method="PUT")
    request.add_header("Content-Type", _INDEX)
    urllib.request.urlopen(request).close()

    attributes = pull(found, f"{name}:all")
    assert attributes["Id"] == f"sha256:{hashlib.sha256(index).hexdigest()}"
    assert image_id(found, attributes) == image
    found.client.images.remove(f"{name}:all")


def test_what_could_not_be_unpacked_is_refused_and_leaves_nothing(found: Engine, tmp_path: Path) -> None:
    layer = secrets.token_bytes(1024)
    config = {"architecture": "amd64", "os": "linux", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(b'other').hexdigest()}"]}
    with (tmp_path / "layer").open("w+b") as file, (tmp_path / "archive").open("w+b") as made:
        file.write(layer)
        archive = ImageArchive(made, by_manifest=True)
        archive.add_layer(hashlib.sha256(layer).hexdigest(), file)
        own = archive.finish(json.dumps(config).encode())
        with pytest.raises(EngineRefused):
            load(found, made, own, "load it")
    assert local_image(found, f"sha256:{own}") is None


def test_a_name_of_repros_that_was_moved_to_another_image_is_not_believed(found: Engine, there: Person) -> None:
    _, image = locked(there)
    (tag,) = [tag for tag in (find_image(found, image) or {})["RepoTags"] if f":{image}." in tag]
    found.client.api.tag(BASE, *tag.rsplit(":", 1))
    assert find_image(found, image) is None
    found.client.images.remove(tag)


def test_a_dockerfile_for_buildkit_is_built_also_where_the_engine_takes_its_files_by_url_only(there: Person) -> None:
    cached = f"RUN --mount=type=cache,target=/c true {secrets.token_hex(4)}"
    there.write("Dockerfile", f"FROM {BASE}\nCOPY --chmod=600 lib/greet.py /greet\n{cached}\n")
    locked(there)
    said = there.repro("run", "--", "sh", "-c", "cat /greet > copied").returncode
    assert (said, (there.cwd / "copied").read_text()) == (0, (there.cwd / "lib/greet.py").read_text())
