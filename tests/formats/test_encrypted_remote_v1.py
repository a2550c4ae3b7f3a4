"""An encrypted remote as it was first written. It is never made again: every later repro must read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.model.remote_key import parse_key
from repro.store.encryption.file import FileCipher, encrypted_blocks
from repro.store.encryption.keys import derive_keys
from repro.store.encryption.names import NameCipher
from repro.store.open_remote import Encryption, open_remote
from repro.store.remote.remote import Remote

V1 = Path(__file__).parent / "v1" / "encrypted-remote"
KEY = parse_key((V1 / "key").read_text(), "key")
FILES = {
    "runs/20261123-021300-7f3kq2mz.yaml": b"repro: 1\n",
    "packs/" + "ab" * 32: b"0123456789abcdef" * 4096 + b"tail!",
    "condemned/empty": b"",
}


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return open_remote(str(V1 / "far"), encryption=Encryption(lambda: KEY, str(tmp_path)))


def test_a_remote_of_version_1_is_read(remote: Remote) -> None:
    for name, data in FILES.items():
        assert remote.read(name, len(data)) == data
        assert remote.list(name.split("/")[0]) == [name]
        assert remote.size(name) == len(data)
    assert remote.read_range("packs/" + "ab" * 32, 65530, 100) == b"abcdeftail!"


def test_a_remote_of_version_1_is_written_the_same(tmp_path: Path) -> None:
    keys = derive_keys(KEY)
    for name, data in FILES.items():
        stored = (V1 / "far" / NameCipher(keys.names).encrypt(name)).read_bytes()
        (tmp_path / "plain").write_bytes(data)
        with (tmp_path / "plain").open("rb") as file:
            assert b"".join(encrypted_blocks(file.read, FileCipher(keys.contents, name, stored[16:48]))) == stored
    other = open_remote(str(tmp_path / "other"), encryption=Encryption(lambda: KEY, str(tmp_path)))
    other.prepare()
    assert (tmp_path / "other" / "repro-remote").read_bytes() == (V1 / "far" / "repro-remote").read_bytes()
