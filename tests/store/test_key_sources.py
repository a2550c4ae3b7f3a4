"""Keys from a file, a command and the keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from repro.model.remote_key import BadKey, key_text
from repro.model.settings.remote_encryption import KeyKind, KeySource
from repro.store.encryption.key_sources import NoKey, in_keyring, new_key, put_in_keyring, read_key, write_key_file

KEY = new_key()
ENVIRON = {"PATH": os.environ.get("PATH", os.defpath), "WORD": key_text(KEY)}


def source(kind: KeyKind, value: str) -> KeySource:
    return KeySource(kind, value, "local")


def test_every_key_is_another() -> None:
    assert new_key() != new_key()
    assert len(new_key().secret) == 32


def test_a_key_file_is_read_by_its_owner_alone_and_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "key"
    write_key_file(str(path), KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_key(source(KeyKind.FILE, str(path)), "/", {}) == KEY
    assert read_key(source(KeyKind.FILE, "new folder/key"), str(tmp_path), {}) == KEY
    with pytest.raises(NoKey, match="exists"):
        write_key_file(str(path), new_key())
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NoKey):
        write_key_file(str(tmp_path / "link"), KEY)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_not_there_or_no_key_is_named_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(NoKey, match="absent") as caught:
        read_key(source(KeyKind.FILE, "absent"), str(tmp_path), {})
    assert caught.value.exit_code == 3
    (tmp_path / "id_rsa").write_bytes(b"\xff\x00PRIVATE" * 100_000)
    with pytest.raises(BadKey) as bad:
        read_key(source(KeyKind.FILE, "id_rsa"), str(tmp_path), {})
    assert "PRIVATE" not in bad.value.message
    with pytest.raises(NoKey):
        read_key(source(KeyKind.FILE, "."), str(tmp_path), {})


def test_a_command_prints_the_key_with_the_variables_and_the_directory_that_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(key_text(KEY))
    for command in ("printf '%s\\n' \"$WORD\"", "cat k", "cat < k | cat", "cat k; cat >&2 </dev/null"):
        assert read_key(source(KeyKind.COMMAND, command), str(tmp_path), ENVIRON) == KEY


@pytest.mark.parametrize(
    ("command", "words"),
    [("exit 3", "exit code 3"), ("kill -9 $$", "signal 9"), ("no-such-program-at-all", "exit code 127")],
)
def test_a_command_that_fails_is_named_with_its_end(command: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NoKey, match=words) as caught:
        read_key(source(KeyKind.COMMAND, command), str(tmp_path), ENVIRON)
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize("command", ["true", "echo hunter2", "cat /dev/zero | head -c 9999999"])
def test_what_a_command_prints_and_is_no_key_is_not_shown(command: str, tmp_path: Path) -> None:
    with pytest.raises(BadKey) as caught:
        read_key(source(KeyKind.COMMAND, command), str(tmp_path), ENVIRON)
    assert "hunter2" not in caught.value.message.replace(command, "")


class Ring(keyring.backend.KeyringBackend):
    """A keyring of this process."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_keyring_keeps_the_key_under_the_service_repro(ring: Ring) -> None:
    assert in_keyring("lab") is None
    with pytest.raises(NoKey, match="lab") as caught:
        read_key(source(KeyKind.KEYRING, "lab"), "/", {})
    assert "keyring set repro lab" in str(caught.value.hint)
    put_in_keyring("lab", KEY)
    assert ring.kept == {("repro", "lab"): key_text(KEY)}
    assert read_key(source(KeyKind.KEYRING, "lab"), "/", {}) == KEY


def test_a_locked_keyring_is_named(ring: Ring) -> None:
    ring.locked = True
    with pytest.raises(NoKey, match="locked"):
        in_keyring("lab")
    with pytest.raises(NoKey, match="locked"):
        put_in_keyring("lab", KEY)
