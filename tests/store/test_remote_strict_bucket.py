"""A server of S3 that checks keys, signatures and checksums, and that holds more files than one answer lists."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repro.actions.gc.far import collect_far
from repro.actions.gc.roots import Roots
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.storages import retries
from repro.store.storages import s3 as remote_s3
from repro.store.storages.errors import RemoteRefused, RemoteUnreachable
from tests.faulty_servers import faulty_proxy
from tests.remote_servers import strict_s3_server

PACK, OTHER = "packs/" + "c" * 64, "packs/" + "d" * 64


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with strict_s3_server(tmp_path_factory.mktemp("weed")) as port:
        yield port


@pytest.fixture(scope="module")
def bucket_here(port: int) -> str:
    """One for all tests here, each of which has a prefix of its own: making one takes a second."""
    from botocore.session import Session

    keys = {"aws_access_key_id": "ann", "aws_secret_access_key": "right", "region_name": "us-east-1"}
    client = Session().create_client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)
    name = f"b-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    client.close()
    return name


@pytest.fixture
def place(bucket_here: str, s3_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new prefix in the bucket, as URL without options."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ann")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "right")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))
    remote_s3._make_client.cache_clear()
    return f"s3://{bucket_here}/{uuid.uuid4()}"


@pytest.fixture
def remote(port: int, place: str) -> Remote:
    remote = open_remote(f"{place}?endpoint=http://127.0.0.1:{port}")
    remote.prepare()
    return remote


@pytest.mark.parametrize(("key", "secret"), [("ann", "wrong"), ("nobody", "right")])
def test_a_wrong_key_is_refused_and_one_is_told_where_keys_are_looked_for(
    remote: Remote, key: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    remote_s3._make_client.cache_clear()
    with pytest.raises(RemoteRefused, match=r"SignatureDoesNotMatch|InvalidAccessKeyId") as caught:
        open_remote(remote.shown).list("runs")
    assert caught.value.exit_code == 5
    assert "AWS_PROFILE" in (caught.value.hint or "")
    remote_s3._make_client.cache_clear()


def test_bytes_that_change_on_the_way_are_refused_by_the_server_and_sent_again(
    port: int, place: str, remote: Remote, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    local.write_bytes(os.urandom(100_000))
    with faulty_proxy(port) as proxy:
        spoiled = open_remote(f"{place}?endpoint=http://127.0.0.1:{proxy.port}")
        proxy.spoil("PUT", "flip", times=100)
        with pytest.raises(RemoteUnreachable, match=r"BadDigest|Sha256|SHA256"):
            spoiled.put_file(PACK, str(local))
        assert proxy.met == 4
        assert remote.size(PACK) is None
        proxy.spoil("PUT", "flip")
        assert spoiled.put_file(PACK, str(local))
        assert proxy.met == 1
    assert remote.read(PACK, 100_000) == local.read_bytes()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is large enough for the server to be asked whether it compares CRC32."""
    monkeypatch.setattr(remote_s3, "CRC32_FROM", 100_000)
    path = tmp_path / "large"
    path.write_bytes(os.urandom(100_000))
    return path


def test_a_server_that_compares_crc32_is_asked_once_and_gets_no_md5(
    port: int, place: str, remote: Remote, large: Path
) -> None:
    with faulty_proxy(port) as proxy:
        other = open_remote(f"{place}?endpoint=http://127.0.0.1:{proxy.port}")
        other.prepare()
        proxy.checksums.clear()
        for name in (PACK, OTHER):
            other.put_file(name, str(large))
        other.put_bytes("runs/a.yaml", b"x")
        assert proxy.checksums == [*["x-amz-checksum-crc32"] * 3, "content-md5"]
        assert remote.list("packs") == [PACK, OTHER]
        assert "repro-compares-crc32" not in remote._storage.top_names()  # the wrong byte was refused


@pytest.mark.parametrize("fault", ["flip", "400 BadDigest", "400 XAmzContentChecksumMismatch"])
def test_what_a_server_refuses_for_its_crc32_goes_again_with_md5(
    port: int, place: str, remote: Remote, large: Path, fault: str
) -> None:
    with faulty_proxy(port) as proxy:
        spoiled = open_remote(f"{place}?endpoint=http://127.0.0.1:{proxy.port}")
        spoiled.prepare()
        proxy.checksums.clear()
        proxy.plan = [("PUT", ""), ("PUT", fault)]
        assert spoiled.put_file(PACK, str(large))
        assert proxy.met == 2
        assert proxy.checksums == [*["x-amz-checksum-crc32"] * 2, "content-md5"]
    assert remote.read(PACK, 100_000) == large.read_bytes()


def test_what_is_said_to_be_stored_with_another_crc32_is_removed_and_sent_again(
    port: int, place: str, remote: Remote, large: Path
) -> None:
    with faulty_proxy(port) as proxy:
        spoiled = open_remote(f"{place}?endpoint=http://127.0.0.1:{proxy.port}")
        proxy.plan = [("PUT", ""), ("PUT", "lie")]
        assert spoiled.put_file(PACK, str(large))
        assert proxy.seen == ["HEAD", "PUT", "PUT", "DELETE", "PUT"]
    assert remote.read(PACK, 100_000) == large.read_bytes()


@pytest.mark.parametrize("fault", ["503 SlowDown", "reset"])
def test_the_question_for_crc32_is_asked_again_where_the_server_is_busy(
    port: int, place: str, remote: Remote, large: Path, fault: str
) -> None:
    with faulty_proxy(port) as proxy:
        spoiled = open_remote(f"{place}?endpoint=http://127.0.0.1:{proxy.port}")
        spoiled.prepare()
        proxy.checksums.clear()
        proxy.spoil("PUT", fault)
        assert spoiled.put_file(PACK, str(large))
        assert proxy.met == 1
        assert proxy.checksums == ["x-amz-checksum-crc32"] * 3


def test_more_files_than_one_answer_lists_are_all_listed(remote: Remote) -> None:
    names = [f"runs/{number:04}.yaml" for number in range(1050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: retries.with_retries(lambda: remote._storage.put_bytes(name, b"x")), names))
    entries = remote.entries("runs")
    assert [entry.name for entry in entries] == names
    assert {entry.size for entry in entries} == {1}


def test_the_parts_of_an_upload_that_was_killed_are_found_and_removed_by_a_gc(
    port: int, place: str, remote: Remote, tmp_path: Path
) -> None:
    local = tmp_path / "large"
    local.write_bytes(os.urandom(11 * 1024 * 1024))
    script = (
        "import sys\nfrom repro.store.storages import s3\nfrom repro.store.open_remote import open_remote\n"
        "s3.PART = 5 * 1024 * 1024\nopen_remote(sys.argv[1]).put_file(*sys.argv[2:])\n"
    )
    with faulty_proxy(port) as proxy:
        proxy.plan = [("PUT", ""), ("PUT", "stall")]
        command = [sys.executable, "-c", script, f"{place}?endpoint=http://127.0.0.1:{proxy.port}", PACK, str(local)]
        with subprocess.Popen(command) as child:
            while proxy.met < 2:
                assert child.poll() is None
                time.sleep(0.01)
            child.kill()
    [left] = remote.unfinished()
    assert left.size == 5 * 1024 * 1024
    assert left.name.endswith(PACK)
    assert remote.list("packs") == []
    cache = Cache(str(tmp_path / "cache"))
    kept = collect_far(cache, remote, Roots(), 3600, delete=True, sure=lambda: None)
    assert (kept.garbage_bytes, kept.deletable_bytes, kept.deleted_bytes) == (left.size, 0, 0)
    shown = collect_far(cache, remote, Roots(), 0, delete=False, sure=lambda: None)
    assert (shown.deletable_bytes, shown.deleted_bytes) == (left.size, 0)
    gone = collect_far(cache, remote, Roots(), 0, delete=True, sure=lambda: None)
    assert gone.deleted_bytes == left.size
    assert remote.unfinished() == ()
    remote.drop(left)


def test_a_large_file_goes_in_parts(remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_s3, "PART", 5 * 1024 * 1024)
    local = tmp_path / "large"
    local.write_bytes(os.urandom(11 * 1024 * 1024))
    remote.put_file(PACK, str(local), move=True)
    assert remote.size(PACK) == 11 * 1024 * 1024
    assert len(remote.read_range(PACK, 10 * 1024 * 1024, 5 * 1024 * 1024)) == 1024 * 1024
