"""Servers that hold remotes. Each is started by the first test that needs it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote_servers import (
    SftpServer,
    aws_variables,
    azure_connection_at,
    azure_server,
    azurite,
    google_server,
    make_bucket,
    s3_server,
    sftp_server,
)


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with s3_server(tmp_path_factory.mktemp("s3-home")) as port:
        yield port


@pytest.fixture
def s3_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any `~/.aws`, and credentials in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in aws_variables(home).items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def bucket(s3_port: int) -> str:
    return make_bucket(s3_port, f"b-{uuid.uuid4()}")


@pytest.fixture
def s3_url(s3_port: int, bucket: str, s3_home: Path) -> str:
    return f"s3://{bucket}/some/prefix?endpoint=http://127.0.0.1:{s3_port}"


@pytest.fixture(scope="session")
def sftp() -> Iterator[SftpServer]:
    with sftp_server() as server:
        yield server


@pytest.fixture
def ssh_url(sftp: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    home = tmp_path / "ssh-home"
    sftp.let_in(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return f"ssh://ann@127.0.0.1:{sftp.port}{tmp_path}/remote"


@pytest.fixture(scope="session")
def gs_server() -> Iterator[int]:
    with google_server() as port:
        yield port


@pytest.fixture
def gs_url(gs_server: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{gs_server}")
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # else credentials are looked for on a machine of Google's
    return f"gs://bucket/{uuid.uuid4()}"


@pytest.fixture(scope="session")
def azure_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of Azure's storage, which `tests/run` installs where npm packages can be had."""
    program = azurite()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Azurite is not installed: is the npm registry reachable for `bash tests/run`?")
        pytest.skip("Azurite is not installed (`bash tests/run` does, from the npm registry)")
    with azure_server(program, tmp_path_factory.mktemp("azurite")) as port:
        yield port


@pytest.fixture
def az_url(azure_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure_connection_at(azure_port))
    return f"az://container/{uuid.uuid4()}"
