"""The key of an encrypted remote as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.remote_key import BadKey, RemoteKey, key_text, parse_key

KEY = RemoteKey(bytes(range(32)))
TEXT = "repro-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_wNFnv"


def test_a_key_has_one_text_for_ever() -> None:
    assert key_text(KEY) == TEXT
    assert parse_key(TEXT, "x") == KEY


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", "\n", " \r\n"]))
def test_a_key_comes_back_from_its_text(secret: bytes, end: str) -> None:
    assert parse_key(key_text(RemoteKey(secret)) + end, "x") == RemoteKey(secret)


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("AZaz09-_"))
def test_a_typing_error_is_found(at: int, letter: str) -> None:
    wrong = TEXT[:at] + letter + TEXT[at + 1 :]
    if wrong != TEXT:
        with pytest.raises(BadKey):
            parse_key(wrong, "x")


@pytest.mark.parametrize("text", ["", "hunter2", TEXT[:-1], TEXT + "A", TEXT + "\n" + TEXT, "é" * 60, TEXT.upper()])
def test_what_is_no_key_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        parse_key(text, "the file k")
    assert "the file k" in caught.value.message
    assert caught.value.exit_code == 3
    assert not text or text not in caught.value.message


def test_a_key_of_a_later_version_is_refused_by_its_version() -> None:
    with pytest.raises(BadKey, match="version 2"):
        parse_key(TEXT.replace("key-1", "key-2"), "x")


def test_a_key_does_not_show_itself() -> None:
    assert "bytes" not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
