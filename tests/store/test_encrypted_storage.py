"""A remote that is encrypted: what lies at the place, and what comes of tampering with it there."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repro.errors import CannotProceed
from repro.model.record import NewerFormat
from repro.model.remote_key import RemoteKey
from repro.store.encryption.file import SEGMENT, TamperedFile
from repro.store.encryption.marker import PlainRemote, WrongKey
from repro.store.encryption.storage import EncryptedStorage
from repro.store.open_remote import Encryption, open_remote
from repro.store.remote.marker import EncryptedRemote
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.storages.errors import NotARemote, RemoteConflict

KEY = RemoteKey(bytes(range(32)))
PACK = "packs/" + "ab" * 32
OTHER = "packs/" + "cd" * 32
RUN = "runs/20261123-021300-7f3kq2mz.yaml"
BIG = os.urandom(40 * SEGMENT + 17)


@pytest.fixture
def far(tmp_path: Path) -> Path:
    return tmp_path / "far"


def opened(far: Path, key: RemoteKey = KEY) -> Remote:
    return open_remote(str(far), encryption=Encryption(lambda: key, str(far.parent / "scratch")))


@pytest.fixture
def remote(far: Path) -> Remote:
    remote = opened(far)
    remote.put_bytes(PACK, BIG)
    remote.put_bytes(OTHER, BIG[::-1])
    remote.put_bytes(RUN, b"the secret recipe")
    return remote


def files(far: Path) -> list[Path]:
    return sorted(path for path in far.rglob("*") if path.is_file() and path.name != "repro-remote")


def stored(far: Path, size: int) -> Path:
    """The file at the place that holds so many bytes."""
    from repro.store.encryption.file import sealed_size

    return next(path for path in files(far) if path.stat().st_size == sealed_size(size))


def test_neither_names_nor_contents_nor_digests_lie_at_the_place(remote: Remote, far: Path) -> None:
    assert len(files(far)) == 3
    for path in files(far):
        relative = str(path.relative_to(far))
        assert re.fullmatch(r"[a-z2-7]+/[a-z2-7]+", relative)
        data = path.read_bytes()
        for word in (b"secret", b"7f3kq2mz", b"abababab", b"runs", b"packs", BIG[:16], BIG[-16:], BIG[::-1][:16]):
            assert word not in data
            assert word not in relative.encode()


def test_one_file_pushed_twice_is_not_the_same_at_the_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        opened(tmp_path / name).put_bytes(PACK, BIG)
    one, two = (stored(tmp_path / name, len(BIG)).read_bytes() for name in ("one", "two"))
    assert one[48:] != two[48:]


def test_ranges_are_slices(remote: Remote, far: Path) -> None:
    edges = [
        0,
        1,
        17,
        SEGMENT - 1,
        SEGMENT,
        SEGMENT + 1,
        16 * SEGMENT,
        39 * SEGMENT,
        40 * SEGMENT,
        len(BIG),
        len(BIG) + 5,
    ]
    for offset in [*edges, 10 * len(BIG)]:
        for length in (0, 1, 2, SEGMENT, SEGMENT + 1, 3 * SEGMENT, len(BIG), 2 * len(BIG)):
            fresh = opened(far)
            assert fresh.read_range(PACK, offset, length) == BIG[offset : offset + length]
            assert fresh.read_range(PACK, offset, length) == BIG[offset : offset + length]


class Counting(DirectoryStorage):
    """A directory that counts what is asked of it."""

    requests = 0
    bytes_read = 0

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Count the request."""
        found = super().read_range(name, offset, length)
        self.requests += 1
        self.bytes_read += len(found)
        return found


def test_a_range_costs_its_segments_and_once_the_header(remote: Remote, far: Path) -> None:
    inner = Counting(str(far))
    storage = EncryptedStorage(inner, lambda: KEY, str(far.parent / "scratch"), "far")
    storage.read_range(PACK, 5 * SEGMENT + 1, 10)
    assert (inner.requests, inner.bytes_read) == (2, 48 + SEGMENT + 16 + 1)
    storage.read_range(PACK, 9 * SEGMENT - 1, 2)
    assert (inner.requests, inner.bytes_read) == (3, 48 + 3 * (SEGMENT + 16) + 2)


def test_lengths_are_those_of_the_decrypted_files(remote: Remote) -> None:
    assert remote.size(PACK) == len(BIG)
    assert [(entry.name, entry.size) for entry in remote.entries("runs")] == [(RUN, len(b"the secret recipe"))]
    assert {entry.size for entry in remote.entries("packs")} == {len(BIG)}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data[: 48 + 3 * (SEGMENT + 16)],
        lambda data: data[:48],
        lambda data: data[:20],
        lambda data: b"",
        lambda data: data + b"\0",
        lambda data: data[:48] + data[48 + SEGMENT + 16 :],
        lambda data: data[:47] + bytes([data[47] ^ 1]) + data[48:],
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_a_changed_file_is_named_and_nothing_of_it_is_seen(
    remote: Remote, far: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    path = next(path for path in files(far) if path.stat().st_size > 2 * SEGMENT)
    path.chmod(0o600)
    path.write_bytes(spoil(path.read_bytes()))
    name = PACK if opened_name(far, path) == PACK else OTHER
    fresh = opened(far)
    with pytest.raises(TamperedFile, match=name) as caught:
        fresh.read(name, 2 * len(BIG))
    assert caught.value.exit_code == 4
    with pytest.raises(TamperedFile, match=name):
        opened(far).read_range(name, len(BIG) - 3, 3)


def opened_name(far: Path, path: Path) -> str | None:
    from repro.store.encryption.keys import derive_keys
    from repro.store.encryption.names import NameCipher

    return NameCipher(derive_keys(KEY).names).decrypt(str(path.relative_to(far)))


def test_one_file_in_anothers_place_is_refused(remote: Remote, far: Path) -> None:
    one, two = (path for path in files(far) if path.stat().st_size > 2 * SEGMENT)
    assert {opened_name(far, one), opened_name(far, two)} == {PACK, OTHER}
    data = two.read_bytes()
    two.chmod(0o600)
    two.write_bytes(one.read_bytes())
    with pytest.raises(TamperedFile):
        opened(far).read(str(opened_name(far, two)), len(BIG))
    one.chmod(0o600)
    one.write_bytes(data)
    with pytest.raises(TamperedFile):
        opened(far).read_range(PACK, 10, 10)


def test_a_file_that_was_cut_short_is_sent_again(remote: Remote, far: Path, tmp_path: Path) -> None:
    path = stored(far, len(BIG))
    name = str(opened_name(far, path))
    data = BIG if name == PACK else BIG[::-1]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-SEGMENT])
    (tmp_path / "local").write_bytes(data)
    assert opened(far).put_file(name, str(tmp_path / "local"))
    assert opened(far).read(name, len(data)) == data


def test_a_damaged_file_is_replaced_when_that_is_asked_for_and_else_is_a_conflict(remote: Remote, far: Path) -> None:
    path = stored(far, len(b"the secret recipe"))
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RemoteConflict):
        remote.put_bytes(RUN, b"the secret recipe")
    assert remote.put_bytes(RUN, b"the secret recipe", replace=True)
    assert remote.read(RUN, 100) == b"the secret recipe"


def test_a_file_that_somebody_wrote_again_is_read_by_who_remembers_the_old_one(remote: Remote, far: Path) -> None:
    reader = opened(far)
    assert reader.read_range(PACK, SEGMENT, 3) == BIG[SEGMENT : SEGMENT + 3]
    opened(far).put_bytes(PACK, BIG[:SEGMENT] + bytes(len(BIG) - SEGMENT), replace=True)
    assert reader.read_range(PACK, SEGMENT, 3) == bytes(3)


def test_another_key_is_refused_before_anything_is_read_or_written(remote: Remote, far: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in files(far)}
    calls: list[Callable[[Remote], object]] = [
        lambda other: other.read(RUN, 100),
        lambda other: other.list("runs"),
        lambda other: other.put_bytes(RUN, b"x", replace=True),
        lambda other: other.prepare(),
    ]
    for call in calls:
        with pytest.raises(WrongKey) as caught:
            call(opened(far, RemoteKey(bytes(32))))
        assert caught.value.exit_code == 5
    assert {path: path.stat().st_mtime_ns for path in files(far)} == before


def test_no_key_is_refused_and_told_what_to_do(remote: Remote, far: Path) -> None:
    calls: list[Callable[[Remote], object]] = [lambda far: far.read(RUN, 100), lambda far: far.put_bytes(RUN, b"x")]
    for call in calls:
        with pytest.raises(EncryptedRemote) as caught:
            call(open_remote(str(far)))
        assert caught.value.exit_code == 5
        assert "--key-file" in str(caught.value.hint)


def test_a_plain_remote_is_refused_where_a_key_is_configured(far: Path) -> None:
    open_remote(str(far)).put_bytes(RUN, b"plain")
    calls: list[Callable[[Remote], object]] = [lambda far: far.read(RUN, 100), lambda far: far.put_bytes(RUN, b"x")]
    for call in calls:
        with pytest.raises(PlainRemote) as caught:
            call(opened(far))
        assert caught.value.exit_code == 5
    assert open_remote(str(far)).read(RUN, 100) == b"plain"


def test_a_marker_that_somebody_made_plain_stops_every_push(remote: Remote, far: Path) -> None:
    marker = far / "repro-remote"
    marker.chmod(0o600)
    marker.write_bytes(b'{"repro-remote": 1}\n')
    with pytest.raises(PlainRemote):
        opened(far).put_bytes(RUN, b"secret")


@pytest.mark.parametrize(
    ("encryption", "error"),
    [
        ({"version": 2}, NewerFormat),
        ({"version": 1}, NotARemote),
        ({"version": 1, "check": 7}, NotARemote),
        (None, NotARemote),
        ([], NotARemote),
        ({"version": 0, "check": ""}, NotARemote),
    ],
)
def test_a_marker_that_has_no_meaning_is_refused(far: Path, encryption: object, error: type[Exception]) -> None:
    far.mkdir()
    (far / "repro-remote").write_text(json.dumps({"repro-remote": 1, "encryption": encryption}))
    with pytest.raises(error):
        opened(far).prepare()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"[" * 100_000])
def test_a_damaged_marker_is_refused(far: Path, data: bytes) -> None:
    far.mkdir()
    (far / "repro-remote").write_bytes(data)
    with pytest.raises(NotARemote):
        opened(far).prepare()


def test_two_who_make_one_remote_make_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        opened(tmp_path / name).prepare()
    assert (tmp_path / "one" / "repro-remote").read_bytes() == (tmp_path / "two" / "repro-remote").read_bytes()


def test_other_keys_of_the_marker_are_kept_for_who_knows_them(far: Path) -> None:
    opened(far).prepare()
    mark = json.loads((far / "repro-remote").read_text())
    assert mark["repro-remote"] == 1
    assert set(mark["encryption"]) == {"version", "contents", "names", "check"}
    assert re.fullmatch("[0-9a-f]{32}", mark["encryption"]["check"])


def test_files_of_others_are_not_listed_and_stay(remote: Remote, far: Path) -> None:
    folder = stored(far, len(b"the secret recipe")).parent
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").write_bytes(b"x")
    assert remote.list("runs") == [RUN]
    assert (folder / "Thumbs.db").exists()


def test_a_key_is_got_once_and_not_before_it_is_needed(far: Path) -> None:
    got: list[int] = []

    def key() -> RemoteKey:
        got.append(1)
        return KEY

    remote = open_remote(str(far), encryption=Encryption(key, str(far.parent / "scratch")))
    assert got == []
    remote.prepare()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: remote.put_bytes(f"runs/{n}.yaml", b"x"), range(32)))
    assert got == [1]
    assert len(remote.list("runs")) == 32


def test_no_plain_byte_and_nothing_else_is_left_where_files_are_encrypted(far: Path, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(BIG)
    remote = opened(far)
    remote.put_file(PACK, str(tmp_path / "local"))
    memory = open_remote(f"memory://{tmp_path.name}/x", encryption=Encryption(lambda: KEY, str(tmp_path / "scratch")))
    memory.put_file(PACK, str(tmp_path / "local"))
    assert memory.read(PACK, len(BIG)) == BIG
    assert list((tmp_path / "scratch").iterdir()) == []
    assert len(files(far)) == 1
    assert remote.workshop() is None


def test_a_local_disk_that_is_full_is_no_refusal_of_the_remote(far: Path, tmp_path: Path) -> None:
    remote = opened(far)
    remote.prepare()
    with pytest.raises(CannotProceed, match="Is a directory"):
        remote.put_file(PACK, str(tmp_path))
    assert files(far) == []


def test_a_remote_may_be_moved_as_a_whole(remote: Remote, far: Path, tmp_path: Path) -> None:
    shutil.move(far, tmp_path / "elsewhere")
    assert opened(tmp_path / "elsewhere").read(RUN, 100) == b"the secret recipe"
