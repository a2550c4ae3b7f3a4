from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from uv import find_uv_bin

from repro.env.kinds import DescribeCheckout
from repro.env.pip.capture import Pinned, capture
from repro.env.pip.probe import probe
from repro.env.pip.realise import realise
from repro.env.realised import PrefixEnvironment
from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.digest import Digest, digest_of
from repro.model.environments.environment import PipEnvironment
from tests.env.small_index import SmallIndex

BASE_PYTHON = os.path.realpath(sys.executable)


@dataclass
class Objects:
    """The least that a store can be."""

    held: dict[Digest, bytes] = field(default_factory=dict)

    def add_bytes(self, data: bytes) -> ObjectRef:
        ref = ObjectRef(digest_of(data), len(data))
        self.held[ref.digest] = data
        return ref

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        return self.add_bytes(b"".join(iter(lambda: os.read(descriptor, 1 << 20), b"")))


class Desk:
    """A project with a venv and an index, in a home of its own."""

    def __init__(self, folder: Path, index: SmallIndex) -> None:
        self.folder = folder
        self.index = index
        self.objects = Objects()
        self.project = folder / "project"
        self.venv = self.project / ".venv"
        self.envs = folder / "envs"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home/.config"),
            "XDG_CACHE_HOME": str(folder / "home/.cache"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "UV_DEFAULT_INDEX": index.url,
            "UV_HTTP_RETRIES": "0",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "NO_PROXY": "*",
        }
        self.project.mkdir()
        (folder / "home").mkdir()
        self.uv("venv", "--no-project", "--python", BASE_PYTHON, str(self.venv))

    @property
    def python(self) -> str:
        return str(self.venv / "bin/python")

    def uv(self, *arguments: str) -> str:
        done = subprocess.run(
            [find_uv_bin(), *arguments], cwd=self.project, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, *requirements: str) -> None:
        self.uv("pip", "install", "--python", self.python, *requirements)

    def capture(
        self,
        *,
        offline: bool = False,
        refresh: bool = False,
        project_lock: str | None = None,
        describe_checkout: DescribeCheckout | None = None,
        **variables: str,
    ) -> Pinned:
        return capture(
            probe(self.python, {**self.environ, **variables}, str(self.project)),
            project_root=str(self.project),
            environ={**self.environ, **variables},
            sink=self.objects,
            memo_dir=str(self.folder / "memo"),
            project_lock=project_lock,
            describe_checkout=describe_checkout,
            offline=offline,
            refresh=refresh,
        )

    def lock_of(self, environment: PipEnvironment) -> bytes | None:
        return self.objects.held[environment.lock.digest] if environment.lock else None

    def wheels_of(self, environment: PipEnvironment) -> dict[str, str]:
        fetched = self.folder / "fetched"
        fetched.mkdir(exist_ok=True)
        for wheel in environment.wheels:
            (fetched / wheel.file).write_bytes(self.objects.held[wheel.object.digest])
        return {wheel.name: str(fetched / wheel.file) for wheel in environment.wheels}

    def realise(
        self,
        environment: PipEnvironment,
        *,
        checkout: Path | None = None,
        project_env: Path | None = None,
        offline: bool = False,
        **variables: str,
    ) -> PrefixEnvironment:
        return realise(
            environment,
            lock=self.lock_of(environment),
            wheels=self.wheels_of(environment),
            interpreter=BASE_PYTHON,
            envs_dir=str(self.envs),
            environ={**self.environ, **variables},
            checkout_root=str(checkout) if checkout else None,
            project_env_dir=str(project_env) if project_env else None,
            offline=offline,
        )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    small = SmallIndex(tmp_path / "index")
    small.start()
    yield small
    small.stop()


@pytest.fixture
def desk(tmp_path: Path, index: SmallIndex) -> Desk:
    return Desk(tmp_path, index)


def output_of(realised: PrefixEnvironment, environ: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command, env=realised.child_environ(environ), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
