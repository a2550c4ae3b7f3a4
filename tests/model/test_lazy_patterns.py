"""A pattern of a module is compiled when it is first used, and is then what `re.compile` gives."""

from __future__ import annotations

import re

import pytest

from repro.model.pattern import pattern


def test_it_finds_what_the_compiled_one_finds() -> None:
    lazy, eager = pattern(r"(\w+)-(\d+)", re.ASCII), re.compile(r"(\w+)-(\d+)", re.ASCII)
    for text in ("run-12", "x run-12 go-3", "", "run-"):
        assert lazy.findall(text) == eager.findall(text)
        for method in ("fullmatch", "match", "search"):
            found, expected = getattr(lazy, method)(text), getattr(eager, method)(text)
            assert (found and found.groups()) == (expected and expected.groups())
    assert lazy.sub(r"\2", "run-12") == "12"
    assert (lazy.pattern, lazy.groups, lazy.flags) == (eager.pattern, eager.groups, eager.flags)


def test_it_is_compiled_once_and_not_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[bytes, int]] = []
    real = re.compile

    def noted(text: bytes, flags: int) -> re.Pattern[bytes]:
        compiled.append((text, flags))
        return real(text, flags)

    monkeypatch.setattr(re, "compile", noted)  # only `re` can tell when a pattern is compiled
    lazy = pattern(rb"[0-9a-f]+")
    assert compiled == []
    assert lazy.fullmatch(b"0af")
    assert not lazy.fullmatch(b"x")
    assert lazy.search(b"--0")
    assert compiled == [(rb"[0-9a-f]+", 0)]


def test_a_pattern_that_is_none_is_said_where_it_is_used() -> None:
    lazy = pattern("(")
    with pytest.raises(re.error, match="unterminated"):
        lazy.search("")
