"""An image with Podman as a user who is not root has it: what is locked, what a run writes, and a rebuild."""

from __future__ import annotations

import contextlib
import json
import os

import docker
import yaml

from tests.command_line import Person
from tests.container_engine import BASE, TestEngine
from tests.images.conftest import fill_project
from tests.plain_user import NOBODY
from tests.rootless_podman import rootless_podman


def test_a_user_locks_runs_and_rebuilds_with_podman_as_with_docker(ann: Person, engine: TestEngine) -> None:
    with rootless_podman() as podman, contextlib.closing(docker.DockerClient(base_url=podman.address)) as client:
        with engine.base_archive.open("rb") as archive:
            [base] = client.images.load(archive)
        person = Person(podman.folder / "ann", podman.folder / "ann/project", ann.venv, ann.variables)
        person.cwd.mkdir(parents=True)
        fill_project(person)

        podman.repro(person, "env", "lock")
        lock = yaml.safe_load((person.cwd / "image.lock").read_text())
        assert lock["built_from"]["bases"] == {BASE: base.id}
        with contextlib.closing(docker.DockerClient(base_url=engine.address)) as dockers:
            assert dockers.images.get(BASE).id == base.id

        done = podman.repro(person, "run", "--", "python3", "train.py")
        assert done.stdout == "trained\n"
        made = person.cwd / "out/model.txt"
        assert (made.stat().st_uid, made.stat().st_gid) == (NOBODY, NOBODY)
        assert made.read_text().endswith(os.fspath(person.cwd))

        rebuilt = json.loads(podman.repro(person, "rebuild", "@last", "--json").stdout)
        assert rebuilt["verdict"] == "identical"
        assert rebuilt["environment"].startswith(f"image, sha256:{lock['image'][:12]}")
