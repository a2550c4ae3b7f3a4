"""What is recorded of a conda environment as it is: conda's packages, what pip added, and what was edited."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from repro.env.conda import kind as conda
from repro.env.conda.archive import archived_name
from repro.env.kinds import ArchiveRequest, Captured, LockRequest, RealiseRequest
from repro.env.unobtainable import EnvironmentOffline
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.conda_lock_file import parse_conda_lock
from repro.model.environments.environment import CondaEnvironment
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.store.cache.cache import Cache
from tests.conda.locking import lock, make, one_of
from tests.conda.test_solve import wish
from tests.env.own_package import BACKEND
from tests.env.small_index import SmallIndex, make_wheel
from tests.refusing_server import refusing_server

Install = Callable[..., None]


@pytest.fixture
def prefix(channel: Path, tmp_path: Path) -> Path:
    """An environment with a Python and `words`, that a test may change."""
    return Path(make(one_of(lock(wish(channel, "words=1.0"), tmp_path)), tmp_path).prefix)


@pytest.fixture
def request_here(prefix: Path, wheels: SmallIndex, tmp_path: Path) -> LockRequest:
    project = tmp_path / "project"
    project.mkdir()
    return LockRequest(
        command=(f"{prefix}/bin/python", "train.py"),
        cwd=str(project),
        project_root=str(project),
        environ={**os.environ, "UV_DEFAULT_INDEX": wheels.url, "PATH": "/usr/bin:/bin"},
        settings=EnvironmentSettings(),
        sink=Cache(str(tmp_path / "store")),
        memo_dir=str(tmp_path / "memo"),
    )


@pytest.fixture
def install(prefix: Path, request_here: LockRequest) -> Install:
    """Adds something to the environment, as a user does."""

    def call(*what: str) -> None:
        command = [find_uv_bin(), "pip", "install", "-q", "--python", f"{prefix}/bin/python", *what]
        done = subprocess.run(command, env=dict(request_here.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return call


def captured(request: LockRequest) -> tuple[CondaEnvironment, Captured]:
    found = conda.lock(request)
    assert isinstance(found.environment, CondaEnvironment)
    return found.environment, found


def realised(environment: CondaEnvironment, request: LockRequest, place: Path, **more: object) -> Path:
    place.mkdir(exist_ok=True)
    cache = request.sink
    assert isinstance(cache, Cache)
    made = conda.realise(
        environment,
        replace(
            RealiseRequest(
                means="",
                objects=cache,
                archive=(),
                bring=lambda refs: None,
                envs_dir=str(place / "envs"),
                folder=str(place),
                environ=request.environ,
            ),
            **more,  # type: ignore[arg-type]
        ),
    )
    return Path(made.prefix)


def test_the_same_prefix_is_captured_as_the_lock_that_it_was_made_from(prefix: Path, request_here: LockRequest) -> None:
    environment, found = captured(request_here)
    assert request_here.sink.read(environment.lock) == (prefix / "conda-meta/repro-conda-lock.yml").read_bytes()  # type: ignore[attr-defined]
    assert found.command == ("python", "train.py")
    assert found.observed["prefix"] == str(prefix)
    assert found.findings == ()


def test_what_pip_added_is_locked_with_the_wheel_that_fits(
    install: Install, request_here: LockRequest, tmp_path: Path
) -> None:
    install("alpha")
    environment, _ = captured(request_here)
    assert environment.pip == (("alpha", "1.0"),)
    assert environment.unlocked == ()
    [alpha] = [p for p in _packages(environment, request_here) if p.manager == "pip"]
    assert alpha.file_name == "alpha-1.0-py3-none-any.whl"
    again = realised(environment, request_here, tmp_path / "elsewhere")
    assert subprocess.run([again / "bin" / "alpha"], capture_output=True, text=True).stdout == "alpha 1.0\n"


def test_a_wheel_of_this_machine_travels_and_comes_back(
    install: Install, request_here: LockRequest, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "own", "beta", "2.0", script="beta")
    install(str(wheel))
    environment, _ = captured(request_here)
    assert [w.file for w in environment.wheels] == ["beta-2.0-py3-none-any.whl"]
    shutil.rmtree(tmp_path / "own")
    again = realised(environment, request_here, tmp_path / "elsewhere")
    assert subprocess.run([again / "bin" / "beta"], capture_output=True, text=True).stdout == "beta 2.0\n"


def test_the_projects_own_package_is_code_and_stands_on_top_of_the_environment(
    install: Install, request_here: LockRequest, tmp_path: Path
) -> None:
    project = Path(request_here.project_root)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "own"\nversion = "0.1"\n'
    )
    (project / "backend.py").write_text(BACKEND)
    (project / "own.py").write_text("WHO = 'own'\n")
    install("--editable", str(project))
    environment, _ = captured(request_here)
    assert [(p.name, p.path, p.editable) for p in environment.project] == [("own", ".", True)]
    again = realised(environment, request_here, tmp_path / "elsewhere", checkout_root=str(project))
    said = "import own, words; print(own.WHO, words.WORDS)"
    done = subprocess.run([again / "bin" / "python", "-c", said], capture_output=True, text=True, cwd="/")
    assert (done.stdout, done.stderr) == ("own ['one']\n", "")


def test_an_index_that_does_not_have_it_leaves_it_unlocked_and_says_so(
    install: Install, wheels: SmallIndex, request_here: LockRequest, tmp_path: Path
) -> None:
    install("alpha")
    wheels.remove("alpha", "1.0")
    forgetful = {**request_here.environ, "UV_CACHE_DIR": str(tmp_path / "another-cache")}
    environment, found = captured(replace(request_here, environ=forgetful))
    assert environment.unlocked == ("alpha",)
    assert [f.kind for f in found.findings] == ["environment-unlocked"]
    [blocking] = conda.plan(environment, environ={}).blocking
    assert "alpha" in blocking.detail


def test_an_index_that_does_not_answer_is_asked_once_and_told_from_one_that_has_nothing(
    install: Install, wheels: SmallIndex, request_here: LockRequest, tmp_path: Path
) -> None:
    wheels.add("beta", "1.0")
    install("alpha", "beta")
    with refusing_server() as server:
        environ = {**request_here.environ, "UV_CACHE_DIR": str(tmp_path / "another-cache"), "UV_HTTP_RETRIES": "0"}
        environ |= {"UV_DEFAULT_INDEX": f"{server.url}/simple", "UV_HTTP_TIMEOUT": "1"}
        _, found = captured(replace(request_here, environ=environ))
        assert found.silent == {"alpha", "beta"}
        assert len(set(server.requests)) == 1
        server.status = 404
        environment, found = captured(replace(request_here, environ=environ))
        assert environment.unlocked == ("alpha", "beta")
        assert found.silent == frozenset()


def test_a_conda_package_without_a_hash_is_unlocked(prefix: Path, request_here: LockRequest) -> None:
    [path] = (prefix / "conda-meta").glob("words-*.json")
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    assert captured(request_here)[0].unlocked == ("words",)


def test_an_edited_file_and_another_package_are_found_by_a_check(
    prefix: Path, install: Install, request_here: LockRequest
) -> None:
    environment, _ = captured(request_here)
    assert conda.check(environment, request_here) == ()
    [module] = prefix.rglob("site-packages/words.py")
    module.unlink()
    module.write_text("WORDS = ['edited']\n")
    install("alpha")
    [edited] = captured(request_here)[1].edited
    assert (edited.package, edited.version) == ("words", "1.0")
    assert edited.path.endswith("site-packages/words.py")
    assert edited.sha256 == hashlib.sha256(b"WORDS = ['edited']\n").hexdigest()
    said = {finding.kind: finding.detail for finding in conda.check(environment, request_here)}
    assert "site-packages/words.py was edited or removed" in said["environment-edited"]
    module.unlink()
    module.write_text("WORDS = ['one']\n")
    assert "environment-edited" not in {finding.kind for finding in conda.check(environment, request_here)}
    assert "alpha 1.0 is installed here" in said["environment-drift"]


def test_an_archive_makes_the_environment_when_channel_and_index_have_nothing(
    own_channel: Path, wheels: SmallIndex, request_here: LockRequest, tmp_path: Path
) -> None:
    text = wish(own_channel, "words=1.0", "{pip: [alpha]}")
    locked = one_of(lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url))
    made = make(locked, tmp_path, UV_DEFAULT_INDEX=wheels.url)
    request = replace(request_here, command=(f"{made.prefix}/bin/python",))
    environment, _ = captured(request)
    folder = tmp_path / "archiving"
    folder.mkdir()
    cache = request.sink
    assert isinstance(cache, Cache)
    answer = conda.archive(environment, _archive_request(cache, tmp_path, folder, request))
    assert answer.findings == ()
    names = sorted(archived_name(package) for package in _packages(environment, request))
    assert [file.name for file in answer.files] == names
    shutil.rmtree(own_channel)
    wheels.remove("alpha", "1.0")
    place = tmp_path / "elsewhere"
    again = realised(environment, request, place, archive=answer.files, offline=True)
    said = subprocess.run([again / "bin" / "alpha"], capture_output=True, text=True).stdout
    assert said == "alpha 1.0\n"
    assert all(isinstance(file, ArchivedFile) for file in answer.files)


def test_what_builds_the_projects_own_package_is_archived_and_then_no_index_is_asked(
    install: Install, wheels: SmallIndex, request_here: LockRequest, tmp_path: Path
) -> None:
    project = Path(request_here.project_root)
    backend = make_wheel(wheels.root / "files", "own-backend", "1.0", body=BACKEND)
    wheels.list_wheels("own-backend")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["own-backend"]\nbuild-backend = "own_backend"\n'
        '[project]\nname = "own"\nversion = "0.1"\n'
    )
    (project / "own.py").write_text("WHO = 'own'\n")
    install("--editable", str(project))
    environment, _ = captured(request_here)
    folder = tmp_path / "archiving"
    folder.mkdir()
    cache = request_here.sink
    assert isinstance(cache, Cache)
    asked = replace(_archive_request(cache, tmp_path, folder, request_here), build=("own-backend",))
    answer = conda.archive(environment, asked)
    assert answer.findings == ()
    assert backend.name in [file.name for file in answer.files]

    wheels.remove("own-backend", "1.0")
    forgetful = {**request_here.environ, "UV_CACHE_DIR": str(tmp_path / "another-cache")}
    request = replace(request_here, environ=forgetful)
    again = realised(
        environment, request, tmp_path / "elsewhere", archive=answer.files, checkout_root=str(project), offline=True
    )
    done = subprocess.run(
        [again / "bin" / "python", "-c", "import own; print(own.WHO)"], capture_output=True, text=True
    )
    assert done.stdout == "own\n"
    with pytest.raises(EnvironmentOffline):
        realised(environment, request, tmp_path / "third", checkout_root=str(project), offline=True)
    older = [replace(file, name=file.name.replace("own_backend", "other")) for file in answer.files]
    with pytest.raises(EnvironmentOffline):
        realised(environment, request, tmp_path / "fourth", archive=older, checkout_root=str(project), offline=True)
    gone = conda.archive(environment, replace(asked, environ=forgetful))
    assert [finding.kind for finding in gone.findings] == ["environment-unarchived"]
    assert "what builds the project's own packages" in gone.findings[0].detail


def test_another_platform_and_a_machine_without_a_gpu_are_refused_before_anything_is_fetched(
    request_here: LockRequest,
) -> None:
    environment, _ = captured(request_here)
    [other] = conda.plan(replace(environment, platform="osx-arm64"), environ={}).blocking
    assert (other.kind, "osx-arm64" in other.detail) == ("other-platform", True)
    needing = replace(environment, virtual=(*environment.virtual, ("__cuda", ">=12")))
    [lacks] = conda.plan(needing, environ={"CONDA_OVERRIDE_CUDA": ""}).blocking
    assert (lacks.kind, "__cuda >=12" in lacks.detail) == ("machine-lacks", True)
    assert conda.plan(needing, environ={"CONDA_OVERRIDE_CUDA": "12.4"}).blocking == ()


def _packages(environment: CondaEnvironment, request: LockRequest) -> tuple[LockedFile, ...]:
    cache = request.sink
    assert isinstance(cache, Cache)
    return parse_conda_lock(cache.read(environment.lock), "lock").packages


def _archive_request(cache: Cache, place: Path, folder: Path, request: LockRequest) -> ArchiveRequest:
    return ArchiveRequest(
        objects=cache,
        sink=cache,
        known={},
        means="",
        envs_dir=str(place / "envs"),
        folder=str(folder),
        environ=request.environ,
    )
