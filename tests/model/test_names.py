import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.names import (
    UnsafePath,
    check_name,
    check_path,
    is_git_name,
    is_within,
    may_hold_git_name,
    name_to_text,
    parse_path,
    text_to_name,
)


@given(st.binary(max_size=60))
def test_every_name_has_a_text_that_gives_it_back(raw: bytes) -> None:
    text = name_to_text(raw)
    assert text_to_name(text) == raw
    assert "\n" not in text
    assert "\x1b" not in text


@given(st.text(max_size=40))
def test_a_text_is_refused_or_is_the_only_one_for_its_name(text: str) -> None:
    try:
        raw = text_to_name(text)
    except UnsafePath:
        return
    assert name_to_text(raw) == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain.csv", "plain.csv"),
        ("Grüße 你好".encode(), "Grüße 你好"),
        (b"a\\b", "a\\\\b"),
        (b"line\nbreak", "line\\x0abreak"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnp.exe".encode(), "\\xe2\\x80\\xaegnp.exe"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    ],
)
def test_the_text_form_is_the_specified_one(raw: bytes, text: str) -> None:
    assert name_to_text(raw) == text
    assert text_to_name(text) == raw


@pytest.mark.parametrize("text", ["\\x41", "\\xFF", "\\", "\\y", "a\nb", "\\xc3\\xa9", "\ud800"])
def test_a_second_spelling_is_refused(text: str) -> None:
    with pytest.raises(UnsafePath):
        text_to_name(text)


@pytest.mark.parametrize(
    "name",
    [
        b"", b".", b"..", b"a/b", b"/", b"a\0b", b"n" * 256, b".git", b".GIT", b".git.", b".git ", b"git~1", b"GIT~1",
        b".git::$INDEX_ALLOCATION", ".g\u200cit".encode(), "\ufeff.git".encode(),
    ],
)  # fmt: skip
def test_an_unsafe_name_is_refused(name: bytes) -> None:
    with pytest.raises(UnsafePath) as caught:
        check_name(name)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", [b"a", b"...", b".gitignore", b".github", b"git", b"n" * 255, b"\xff\n", b"-", b" "])
def test_every_other_name_is_legal(name: bytes) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "path",
    [b"", b"/a", b"a//b", b"a/", b"a/../b", b"./a", b"a/.git/hooks", b".repro/runs", b".REPRO/x", b"a/" * 2048 + b"a"],
)
def test_an_unsafe_path_is_refused(path: bytes) -> None:
    with pytest.raises(UnsafePath):
        check_path(path)


def test_a_path_inside_another_is_seen_by_components() -> None:
    assert is_within(b"a/b", b"a")
    assert is_within(b"a", b"a")
    assert is_within(b"a", b".")
    assert not is_within(b"ab", b"a")


def test_a_path_is_read_from_its_text() -> None:
    assert parse_path("a/\\xff") == b"a/\xff"


@given(
    st.lists(st.sampled_from([".", "g", "G", "i", "t", "~1", "\u200c", "\ufeff", "h", " ", ":x", "\udcff"]), max_size=9)
)
def test_no_name_that_some_file_system_takes_for_git_slips_through_the_search(parts: list[str]) -> None:
    name = "".join(parts).encode("utf-8", "surrogateescape")
    visible = name.decode("utf-8", "ignore").translate({0x200C: None, 0xFEFF: None})
    is_one = visible.split(":", 1)[0].rstrip(". ").lower() in (".git", "git~1")
    assert is_git_name(name) == is_one
    assert may_hold_git_name(b"a\0" + name + b"\0b") or not is_one
