from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.model.git.config_section import has_section, with_line, with_section, without_line, without_section

HEADER = b'[merge "repro"]'
LINES = b"\tname = x\n\tdriver = y\n"

texts = st.lists(st.sampled_from([b"[core]", b"\tbare = false", b"# merge", b"[merge]", b"", b'[merge "other"]'])).map(
    b"\n".join
) | st.binary(max_size=20).filter(lambda data: HEADER not in data and b"\r" not in data)


@given(texts)
def test_a_section_that_is_added_and_removed_leaves_the_bytes_as_they_were(text: bytes) -> None:
    added = with_section(text, HEADER, LINES)
    assert has_section(added, HEADER, LINES)
    assert without_section(added, HEADER) == text


@given(texts)
def test_a_section_that_is_added_twice_is_there_once(text: bytes) -> None:
    once = with_section(text, HEADER, LINES)
    assert with_section(once, HEADER, LINES).count(HEADER) == 1


def test_what_others_added_after_the_section_stays() -> None:
    added = with_section(b"[core]\n", HEADER, LINES) + b"[other]\n\tx = 1\n"
    assert without_section(added, HEADER) == b"[core]\n[other]\n\tx = 1\n"


def test_a_section_of_another_version_is_replaced() -> None:
    old = with_section(b"[core]\n", HEADER, b"\tdriver = old\n")
    assert not has_section(old, HEADER, LINES)
    assert with_section(old, HEADER, LINES) == b"[core]\n" + HEADER + b"\n" + LINES


@given(texts.filter(lambda text: b"mine" not in text))
def test_a_line_that_is_added_and_removed_leaves_the_bytes_as_they_were(text: bytes) -> None:
    added = with_line(text, b"mine")
    assert b"mine" in added.splitlines()
    assert with_line(added, b"mine") == added
    assert without_line(added, b"mine") == text
