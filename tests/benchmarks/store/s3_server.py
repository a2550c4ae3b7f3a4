"""An S3 server on loopback: SeaweedFS in a process of its own, with a bucket in it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.store.tool import Bucket

_ACTIONS = ("Admin", "Read", "Write", "List", "Tagging")
_START_S = 60
# Else each would have a fixed number, or one that is 10,000 larger than another.
_PORTS = (
    *("s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc"),
)


@contextlib.contextmanager
def bucket_served(program: str, folder: Path) -> Iterator[Bucket]:
    """Serve an empty bucket until the block ends. Everything of the server is below `folder`."""
    folder.mkdir(parents=True)
    identity = {"accessKey": "benchmark", "secretKey": "benchmark-secret"}
    config = folder / "identities.json"
    config.write_text(json.dumps({"identities": [{"name": "b", "credentials": [identity], "actions": _ACTIONS}]}))
    port, *others = _free_ports(1 + len(_PORTS))
    ports = [f"-{name}={number}" for name, number in zip(_PORTS, others, strict=True)]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [
                *(program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
                *("-s3", f"-s3.port={port}", f"-s3.config={config}", "-s3.iam=false"),
                *("-master.volumeSizeLimitMB=512", "-volume.max=100", *ports),
            ],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            bucket = Bucket(f"http://127.0.0.1:{port}", "benchmark", identity["accessKey"], identity["secretKey"])
            _make(bucket, process, folder / "log")
            yield bucket
        finally:
            process.kill()  # asked politely, it takes a quarter of a minute
            process.wait()


def _make(bucket: Bucket, process: subprocess.Popen[bytes], log: Path) -> None:
    """Make the bucket as soon as the server is up; its first file takes seconds, so one is put and removed."""
    import botocore.exceptions
    import botocore.session

    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name="us-east-1",
        aws_access_key_id=bucket.key,
        aws_secret_access_key=bucket.secret,
    )
    end = time.monotonic() + _START_S
    while True:
        try:
            client.create_bucket(Bucket=bucket.name)
            client.put_object(Bucket=bucket.name, Key="first", Body=b"1")
            client.delete_object(Bucket=bucket.name, Key="first")
            return
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the S3 server does not start: {error}\n{log.read_text()[-2000:]}") from error
            time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
