"""A private index: credentials are found where uv and pip find them, and go nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.command_line import Person, make_venv
from tests.env.small_index import SmallIndex

PASSWORD = "s3cr3t-of-the-index"  # of a server on loopback


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    (tmp_path / "index").mkdir()
    index = SmallIndex(tmp_path / "index")
    index.add("alpha", "1.0")
    index.password = PASSWORD
    index.start()
    yield index
    index.stop()


def with_password(url: str) -> str:
    return url.replace("http://", f"http://ann:{PASSWORD}@")


def by_variable(person: Person, index: SmallIndex) -> Person:
    return person.having(UV_DEFAULT_INDEX=with_password(index.url))


def by_pip_variable(person: Person, index: SmallIndex) -> Person:
    return person.having(PIP_INDEX_URL=with_password(index.url))


def by_named_index(person: Person, index: SmallIndex) -> Person:
    return person.having(
        UV_INDEX=f"private={index.url}", UV_INDEX_PRIVATE_USERNAME="ann", UV_INDEX_PRIVATE_PASSWORD=PASSWORD
    )


def by_netrc(person: Person, index: SmallIndex) -> Person:
    (person.home / ".netrc").write_text(f"machine 127.0.0.1 login ann password {PASSWORD}\n")
    (person.home / ".netrc").chmod(0o600)
    return person.having(UV_DEFAULT_INDEX=index.url)


def by_pip_conf(person: Person, index: SmallIndex) -> Person:
    folder = person.home / ".config/pip"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text(f"[global]\nindex-url = {with_password(index.url)}\n")
    return person


def by_keyring(person: Person, index: SmallIndex) -> Person:
    """The command `keyring`, as uv calls it: a script that knows one password."""
    folder = person.home / "tools"
    folder.mkdir(exist_ok=True)
    script = f'#!/bin/sh\n[ "$1" = get ] && [ "$3" = ann ] && echo {PASSWORD}\n'
    (folder / "keyring").write_text(script)
    (folder / "keyring").chmod(0o755)
    url = index.url.replace("http://", "http://ann@")
    path = f"{folder}:{person.environ['PATH']}"
    return person.having(UV_DEFAULT_INDEX=url, UV_KEYRING_PROVIDER="subprocess", PATH=path)


@pytest.mark.parametrize("given", [by_variable, by_pip_variable, by_named_index, by_netrc, by_pip_conf, by_keyring])
def test_a_run_is_locked_archived_and_rebuilt_and_the_password_is_nowhere(
    given: object, ann: Person, bob: Person, index: SmallIndex, tmp_path: Path
) -> None:
    assert callable(given)
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_CACHE_DIR=str(tmp_path / "ann-uv"), UV_HTTP_RETRIES="0"
    )
    install = [find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), "alpha"]
    done = ann.having(UV_DEFAULT_INDEX=with_password(index.url)).call(*install)
    assert done.returncode == 0, done.stderr
    ann = given(ann, index)
    ann.git("init", "--quiet")
    ann.write("train.py", "import alpha; open('who', 'w').write(alpha.WHO)\n")
    said = [ann.repro("run", "--", "python", "train.py"), ann.repro("env", "lock")]
    assert ann.manifest()["facts"]["recipe"]["environment"].get("unlocked") is None
    run, remote = ann.runs()[-1], tmp_path / "remote"
    bob = given(bob.having(UV_CACHE_DIR=str(tmp_path / "bob-uv"), UV_HTTP_RETRIES="0"), index)
    ann.repro("push", "-r", str(remote))
    said.append(bob.repro("rebuild", run, "--from", str(remote)))  # from the index: nothing is archived yet
    said.append(ann.repro("env", "archive"))
    ann.repro("push", "-r", str(remote))
    shutil.rmtree(tmp_path / "bob-uv")
    for one in said:
        assert PASSWORD not in one.stdout + one.stderr
    for folder in (ann.cwd, remote, ann.home / ".local", ann.home / ".cache", bob.home / ".local", bob.home / ".cache"):
        for path in folder.rglob("*"):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_without_credentials_the_message_says_what_to_give(ann: Person, index: SmallIndex, tmp_path: Path) -> None:
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_CACHE_DIR=str(tmp_path / "ann-uv"), UV_HTTP_RETRIES="0"
    )
    install = [find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), "alpha"]
    good = ann.having(UV_DEFAULT_INDEX=with_password(index.url))
    assert good.call(*install).returncode == 0
    ann.git("init", "--quiet")
    ann.write("train.py", "open('who', 'w').write('x')\n")
    good.repro("run", "--", "python", "train.py")
    poor = ann.having(UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(tmp_path / "other-uv"))
    error = poor.repro_json("env", "archive", expect=5)["error"]
    assert "credentials" in error["hint"]
    error = poor.repro_json("env", "lock", expect=5)["error"]
    assert "401" in error["message"]
    assert "not found" not in error["message"]
    assert "credentials" in error["hint"]
