"""What is particular to buckets, and what happens when the way to one is bad."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.remote.remote import Remote
from repro.store.storages import retries
from repro.store.storages import s3 as remote_s3
from repro.store.storages.errors import (
    CorruptRemoteObject,
    NotARemote,
    RemoteRefused,
    RemoteUnreachable,
    UnsupportedRemote,
)
from repro.store.storages.s3 import S3Storage
from repro.store.transfer.transfer import Fetch, RemoteObjects, fetch_objects, push_objects
from tests.faulty_servers import FaultyProxy, faulty_proxy

OBJECT = "objects/ab/" + "c" * 62


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES", (0.001, 0.002, 0.003))


@pytest.fixture
def proxy(s3_port: int) -> Iterator[FaultyProxy]:
    with faulty_proxy(s3_port) as proxy:
        yield proxy


@pytest.fixture
def spoiled(proxy: FaultyProxy, bucket: str, s3_home: Path) -> Remote:
    """A remote in a bucket, behind a proxy that does what it is told to."""
    remote = open_remote(f"s3://{bucket}/p?endpoint=http://127.0.0.1:{proxy.port}")
    remote.prepare()
    return remote


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.write_bytes(os.urandom(300_000))
    return path


def test_a_server_whose_tags_are_no_checksums_is_asked_for_the_length(
    spoiled: Remote, proxy: FaultyProxy, local: Path
) -> None:
    proxy.spoil("PUT", "no tag")
    assert spoiled.put_file(OBJECT, str(local))
    assert proxy.seen == ["HEAD", "PUT", "HEAD"]


def test_what_arrived_stays_where_the_answer_about_its_length_is_lost(
    spoiled: Remote, proxy: FaultyProxy, bucket: str, local: Path
) -> None:
    """Another may have sent the same pack, and named it."""
    storage = S3Storage(f"s3://{bucket}/p?endpoint=http://127.0.0.1:{proxy.port}")
    proxy.plan = [("PUT", "no tag"), ("HEAD", "reset")]
    with pytest.raises(ConnectionError):
        storage.put_file(OBJECT, str(local))
    assert proxy.seen[-2:] == ["PUT", "HEAD"]
    assert storage.size(OBJECT) == 300_000


@pytest.mark.parametrize("fault", ["flip"])  # a range that is short is asked for again
def test_what_comes_down_changed_is_named_and_never_seen(
    spoiled: Remote, proxy: FaultyProxy, local: Path, tmp_path: Path, fault: str
) -> None:
    here, there = Cache(str(tmp_path / "here")), Cache(str(tmp_path / "there"))
    ref = here.add_bytes(local.read_bytes())
    push_objects(here, spoiled, [ref])
    objects = RemoteObjects(spoiled, there.root)
    objects.indexes()
    proxy.spoil("GET", fault)
    with pytest.raises(CorruptRemoteObject, match=ref.digest[5:]) as caught:
        Fetch(there, objects).bring([ref])
    assert caught.value.exit_code == 4
    assert not there.has(ref.digest)
    fetch_objects(there, spoiled, [ref])
    assert there.read(ref) == local.read_bytes()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("403 AccessDenied", "AWS_PROFILE"),
        ("403 InvalidAccessKeyId", "AWS_PROFILE"),
        ("403 RequestTimeTooSkewed", "clock"),
        ("404 NoSuchBucket", "makes no buckets"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_absence(
    spoiled: Remote, proxy: FaultyProxy, local: Path, answer: str, hint: str
) -> None:
    proxy.spoil("PUT", answer, times=100)
    with pytest.raises(RemoteRefused, match="refused") as caught:
        spoiled.put_file(OBJECT, str(local))
    assert caught.value.exit_code == 5
    assert re.search(hint, caught.value.hint or "")
    assert proxy.seen.count("PUT") == 1


def test_who_may_not_look_is_not_told_absent(spoiled: Remote, proxy: FaultyProxy) -> None:
    proxy.spoil("HEAD", "403 AccessDenied", times=100)
    with pytest.raises(RemoteRefused):
        spoiled.size(OBJECT)


def test_a_bucket_that_does_not_exist_is_refused_by_name_and_not_made(s3_port: int, s3_home: Path) -> None:
    remote = open_remote(f"s3://no-such-bucket/p?endpoint=http://127.0.0.1:{s3_port}")
    calls: tuple[Callable[[], object], ...] = (remote.prepare, lambda: remote.size(OBJECT))
    for call in calls:
        with pytest.raises(RemoteRefused, match="no bucket no-such-bucket"):
            call()


def test_an_endpoint_where_nobody_listens_and_a_host_that_is_not_are_unreachable(s3_home: Path) -> None:
    for endpoint in ("http://127.0.0.1:1", "http://no-such-host.invalid"):
        with pytest.raises(RemoteUnreachable):
            open_remote(f"s3://bucket/p?endpoint={endpoint}").prepare()


def test_an_endpoint_that_is_no_url_is_refused_as_such(s3_home: Path) -> None:
    with pytest.raises(RemoteRefused, match="Invalid endpoint: example") as caught:
        open_remote("s3://bucket/p?endpoint=example").prepare()
    assert "endpoint=https://" in (caught.value.hint or "")


def test_without_credentials_or_with_an_unknown_profile_one_is_told(
    s3_port: int, s3_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for options, says in (("region=eu-west-1", "credentials"), ("profile=nobody", "nobody")):
        with pytest.raises(RemoteRefused, match=says) as caught:
            open_remote(f"s3://bucket/p?endpoint=http://127.0.0.1:{s3_port}&{options}").prepare()
        assert caught.value.hint


def test_endpoint_and_profile_of_the_users_own_configuration_hold(
    s3_port: int, bucket: str, s3_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (s3_home / ".aws").mkdir()
    (s3_home / ".aws" / "config").write_text(
        f"[profile lab]\naws_access_key_id = k\naws_secret_access_key = s\nendpoint_url = http://127.0.0.1:{s3_port}\n"
    )
    open_remote(f"s3://{bucket}?profile=lab").put_bytes("runs/a.yaml", b"x")
    assert open_remote(f"s3://{bucket}?profile=lab").list("runs") == ["runs/a.yaml"]


def test_a_large_file_goes_in_parts_and_only_a_part_that_failed_goes_again(
    spoiled: Remote, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_s3, "PART", 5 * 1024 * 1024)  # the least that S3 takes
    data = os.urandom(12 * 1024 * 1024)
    (tmp_path / "large").write_bytes(data)
    proxy.spoil("PUT", "flip")
    spoiled.put_file(OBJECT, str(tmp_path / "large"))
    assert proxy.seen.count("PUT") == 4
    assert spoiled.read(OBJECT, len(data)) == data


def test_a_pack_a_little_longer_than_a_part_goes_whole_and_with_md5_where_crc32_is_not_compared(
    spoiled: Remote, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_s3, "PART", 5 * 1024 * 1024)
    data = os.urandom(5 * 1024 * 1024 + 100_000)
    (tmp_path / "pack").write_bytes(data)
    proxy.spoil("", "")
    proxy.checksums.clear()
    spoiled.put_file(OBJECT, str(tmp_path / "pack"))
    assert proxy.seen == ["HEAD", "PUT", "DELETE", "PUT"]  # this server took a byte with the CRC32 of another
    assert proxy.checksums == ["x-amz-checksum-crc32", "content-md5"]
    assert spoiled.read(OBJECT, len(data)) == data
    assert spoiled._storage.top_names() == ["objects", "repro-remote"]


def test_a_server_that_refuses_the_header_of_a_crc32_gets_md5(
    spoiled: Remote, proxy: FaultyProxy, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_s3, "CRC32_FROM", 1000)
    proxy.spoil("PUT", "400 InvalidArgument")
    proxy.checksums.clear()
    assert spoiled.put_file(OBJECT, str(local))
    assert proxy.checksums == ["x-amz-checksum-crc32", "content-md5"]


def test_parts_that_cannot_be_sent_leave_nothing_under_the_name(
    spoiled: Remote, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_s3, "PART", 5 * 1024 * 1024)
    (tmp_path / "large").write_bytes(bytes(6 * 1024 * 1024))
    proxy.spoil("PUT", "503 SlowDown", times=100)
    with pytest.raises(RemoteUnreachable):
        spoiled.put_file(OBJECT, str(tmp_path / "large"))
    assert proxy.seen.count("PUT") == 4
    assert proxy.seen[-1] == "DELETE"  # the parts that were sent
    assert spoiled.size(OBJECT) is None


def test_the_whole_bucket_may_be_the_remote_unless_it_holds_other_things(s3_url: str, bucket: str) -> None:
    whole = f"s3://{bucket}?{s3_url.partition('?')[2]}"
    remote = open_remote(whole)
    remote.put_bytes("runs/a.yaml", b"x")
    assert remote.list("runs") == ["runs/a.yaml"]
    with pytest.raises(NotARemote, match="a\\.yaml"):
        open_remote(whole.replace("?", "/runs?")).prepare()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket/p?endpont=http://x", "'endpont' is no option"),
        ("s3://", "cannot be the name of a bucket"),
        ("s3://key:secret@bucket/p", "cannot be the name of a bucket"),
    ],
)
def test_a_url_that_means_nothing_is_refused(url: str, says: str) -> None:
    with pytest.raises(UnsupportedRemote, match=says) as caught:
        open_remote(url)
    assert caught.value.hint
