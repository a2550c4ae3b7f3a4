"""Names in an encrypted remote tell nothing, and come back."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from repro.store.encryption.names import LONGEST, NameCipher

KEY = bytes(range(64))
NAMES = NameCipher(KEY)
components = st.from_regex(r"[A-Za-z0-9_+@~-][A-Za-z0-9._+@~-]{0,142}", fullmatch=True)


@given(st.lists(components, min_size=1, max_size=4))
def test_a_name_comes_back_from_one_that_any_place_takes(parts: list[str]) -> None:
    name = "/".join(parts)
    stored = NAMES.encrypt(name)
    assert re.fullmatch(r"[a-z2-7]{28,255}(/[a-z2-7]{28,255})*", stored)
    assert NAMES.decrypt(stored) == name
    assert NAMES.encrypt(name) == stored
    assert NameCipher(bytes(64)).decrypt(stored) is None


def test_a_name_is_what_the_specification_says() -> None:
    import base64

    folder = AESSIV(KEY).encrypt(b"runs", [b"repro-encrypted-name 1", b"/"])
    file = AESSIV(KEY).encrypt(b"a.yaml", [b"repro-encrypted-name 1", b"/runs"])
    expected = "/".join(base64.b32encode(part).decode().rstrip("=").lower() for part in (folder, file))
    assert NAMES.encrypt("runs/a.yaml") == expected


def test_a_folder_is_the_prefix_of_its_files() -> None:
    assert NAMES.encrypt("rebuilds/a/1.yaml").startswith(NAMES.encrypt("rebuilds/a") + "/")


def test_one_component_is_called_differently_in_every_folder() -> None:
    stored = {NAMES.encrypt(f"{folder}/ab").split("/")[-1] for folder in ("packs", "indexes", "condemned", "packs/ab")}
    assert len(stored) == 4


@given(st.data())
def test_a_name_that_this_key_did_not_make_is_none(data: st.DataObject) -> None:
    stored = NAMES.encrypt("runs/a.yaml")
    at = data.draw(st.integers(0, len(stored) - 1))
    changed = stored[:at] + data.draw(st.sampled_from("abz27/A.")) + stored[at + 1 :]
    assert (NAMES.decrypt(changed) is None) == (changed != stored)


def test_a_name_is_spelled_in_one_way() -> None:
    stored = NAMES.encrypt("runs/a.yaml")
    assert [last for last in "abcdefghijklmnopqrstuvwxyz234567" if NAMES.decrypt(stored[:-1] + last)] == [stored[-1]]
    assert NAMES.decrypt(stored.upper()) is None


@pytest.mark.parametrize("name", ["", "repro-remote", "runs/a.yaml", "a", "aa", "=", "ä", "desktop.ini", "/", "a//b"])
def test_files_of_others_are_no_names_of_ours(name: str) -> None:
    assert NAMES.decrypt(name) is None


def test_a_file_moved_to_another_folder_is_none_of_ours() -> None:
    folder, file = NAMES.encrypt("runs"), NAMES.encrypt("condemned/a.yaml").split("/")[1]
    assert NAMES.decrypt(f"{folder}/{file}") is None


def test_a_component_that_would_become_too_long_is_refused() -> None:
    assert len(NAMES.encrypt("x" * LONGEST)) == 255
    with pytest.raises(OSError, match=str(LONGEST)):
        NAMES.encrypt("runs/" + "x" * (LONGEST + 1))
