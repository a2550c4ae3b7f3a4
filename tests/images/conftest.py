"""Projects whose environment is an image, with a real engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.command_line import Person
from tests.container_engine import (
    BASE,
    TestEngine,
    registry,
    shared_engine,
    shared_engine_with_containerds_store,
)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> TestEngine:
    """The session's engine, with the base image."""
    return shared_engine(shared_folder(tmp_path_factory, worker_id))


@pytest.fixture(scope="session")
def other_store(tmp_path_factory: pytest.TempPathFactory, worker_id: str, engine: TestEngine) -> TestEngine:
    """The session's engine that keeps images in containerd's store, with the same base image."""
    return shared_engine_with_containerds_store(shared_folder(tmp_path_factory, worker_id), engine)


def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder that all workers of a session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture
def client(engine: TestEngine) -> Iterator[docker.DockerClient]:
    """The engine by its SDK."""
    with contextlib.closing(docker.DockerClient(base_url=engine.address)) as found:
        yield found


@pytest.fixture(scope="session")
def registry_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry's address."""
    with registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def lock_file(tmp_path_factory: pytest.TempPathFactory, venv: Path, engine: TestEngine) -> bytes:
    """The lock of the project below, whose image is in the engine."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "project").mkdir()
    person = fill_project(Person(folder, folder / "project", venv, {"DOCKER_HOST": engine.address}))
    person.repro("env", "lock")
    return (person.cwd / "image.lock").read_bytes()


@pytest.fixture
def imaged(ann: Person, engine: TestEngine) -> Person:
    """Ann in a project with a Dockerfile, an input, and a script that uses both."""
    return fill_project(ann.having(DOCKER_HOST=engine.address))


@pytest.fixture
def locked(imaged: Person, lock_file: bytes) -> Person:
    """Ann, with the image locked, and in the store what the lock names."""
    imaged.write("image.lock", lock_file)
    return imaged


def fill_project(ann: Person) -> Person:
    """The same person in a project."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("Dockerfile", DOCKERFILE)
    ann.write("lib/greet.py", "def greet():\n    return 'hello'\n")
    ann.write("train.py", TRAIN)
    ann.write("numbers.csv", "1\n2\n3\n")
    ann.write("repro.yaml", "environment:\n  kind: image\nvariables: [RECORDED]\n")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    return ann


DOCKERFILE = f"""\
FROM {BASE}
COPY lib /opt/lib
ENV PYTHONPATH=/opt/lib
"""

TRAIN = """\
import os, sys
import greet
os.makedirs("out", exist_ok=True)
with open("out/model.txt", "w") as file:
    file.write(f"{greet.greet()} {sum(map(int, open('numbers.csv')))} {sys.version} {os.getcwd()}")
print("trained")
"""
