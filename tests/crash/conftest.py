"""Servers that hold remotes, for commands that are killed while they speak to them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.crash_points import fill, needs_strace, noise
from tests.remote_servers import SftpServer, aws_variables, make_bucket, s3_server, sftp_server


@pytest.fixture(scope="session")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with s3_server(tmp_path_factory.mktemp("s3-home")) as port:
        yield port


@pytest.fixture
def bucket_url(s3_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket to which this process has the key."""
    home = tmp_path / "aws-home"
    home.mkdir()
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in aws_variables(home).items():
        monkeypatch.setenv(name, value)
    return f"s3://{make_bucket(s3_port, f'b-{uuid.uuid4()}')}/at/NUMBER?endpoint=http://127.0.0.1:{s3_port}"


@pytest.fixture(scope="session")
def sftp() -> Iterator[SftpServer]:
    with sftp_server() as server:
        yield server


@pytest.fixture
def crashing(ann: Person) -> Person:
    """Ann in a project with many small files and a large one, none of it tracked yet."""
    needs_strace()
    ann.git("init", "--quiet", "--initial-branch=main")
    fill(ann, "many", 80)
    ann.write("large.bin", noise(300_000, 1))
    ann.repro("init")
    return ann


@pytest.fixture
def tracked(crashing: Person) -> Person:
    """The same, where both are tracked and committed."""
    crashing.repro("add", "many", "large.bin")
    crashing.git("add", "--all")
    crashing.git("commit", "--quiet", "--message", "data")
    return crashing
