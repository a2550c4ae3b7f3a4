"""Plain YAML is read without the parser, and as the parser reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repro.model.yaml.plain import read_plain_yaml
from repro.model.yaml.positions import KeyPath, Position
from repro.model.yaml.strict import BadYaml, _Builder, _load, resolve_plain

SETTINGS = """\
# What this project keeps, and where.
remotes:
  store:
    url: s3://bucket/a?endpoint=http://127.0.0.1:9000&region=us-east-1   # ours
  other: {}

link: [reflink, copy]
outputs:
  - out/model.bin
  - 7
watch: off
capture_outside: 500
store: "/srv/our store"
parts: ['a, b', "c"]
place: {file: environment.yml, lock: "a lock"}
name:
"""

WORDS = [
    "a", "b", "key", "null", "true", "7", "0x1F", "1e3", ".5", "...", "a:b", "a:", "http://x/?y=1&z", "a#b", "-", "~",
    "[]", "[a, b]", "[a,b ,c]", "[a: b]", "[a:b]", "[a", "{}", "{a: b}", "{a: 1,b:  'x, y'}", "{a: 1, a: 2}",
    "{a:b}", "{a: b, c}", "{a: }", "{a: b:c}", "{a: b }", "'q'", '"q"', '"7"', "'é #, x'", "'it''s'", '"a\\nb"',
    '"a', "'a' b", "'a'#b", '["a b", c, \'d,e\']', "['a'b]", '["a: b",\'\']',
    "|", "&a", "*a", "!t", "?", "é", "=", "<<",
    "a b", "a (b), c [d] <e>;",
    "a  b", "a: b c: d", "a :b", "a : b", "a b:", "a b #c", "a #", "1 2", "a -b", "a - b", "a:  b",
    "-c", "--x=1", "-1", "-.5", "-a b", "-a: b", "---", "---a", "--- a", "-- a", "-é", "-#", "-a #", "-0x1",
    "#", "%d", "@x", "99999999999999999999",
]  # fmt: skip
_words = st.sampled_from(WORDS)
_lines = st.builds(
    lambda indent, start, word, end: " " * indent + start + word + end,
    st.integers(0, 6),
    st.sampled_from(["", "a: ", "b: ", "c:", "a:  ", "- ", "- a: ", "-  b: ", "- c:", "-", "# ", "? ", "--- "]),
    st.just("") | _words,
    st.sampled_from(["", "", " ", " # é", "#c", ":", "\t"]),
)


def by_the_parser(text: str) -> tuple[Any, dict[KeyPath, Position]] | None:
    try:
        builder = _load(text.encode(), _Builder("x", marked=True))
    except BadYaml:
        return None
    return builder.result, builder.positions


@given(st.lists(_lines, max_size=8).map("\n".join))
@settings(deadline=None, max_examples=600)
@example("a:\n- b")
@example("a:\n  b: 1\n  c: 2\n a: 1")
@example("a: b\n  c")
@example("a:\n  - b\n  - a: c")
@example("a:\n- b: 1\n  c: 2\n- b: 3\nd: 1")
@example("a:\n  - b:\n    - c: 1\n    - d\n    e: 1\n  - 7")
@example("a:\n- b\n  c: 1")
@example("a:\n- b: 1\n c: 1")
@example("a:\n- b:\n  - c\n- d\ne: {f: 1}")
@example("- a: 1")
@example("a:\n- b\na: 1")
@example("a:\n- - b: 1")
@example("a:\n- -c\n- --x=1\n- -1\n- -.inf\n- -0x1\n- -b: c\n- -- d")
@example("a: -c\nb: - c")
@example("a:\n- ---b\n---\nc: 1")
@example("")
@example("a: 1\na: 2")
def test_what_is_read_is_what_the_parser_reads(text: str) -> None:
    found = read_plain_yaml(text, resolve_plain)
    assert found is None or found == by_the_parser(text)


def test_settings_as_most_are_need_no_parser() -> None:
    found = read_plain_yaml(SETTINGS, resolve_plain)
    assert found is not None
    assert found == by_the_parser(SETTINGS)
    assert found[0]["outputs"] == ["out/model.bin", 7]
    assert found[0]["parts"] == ["a, b", "c"]
    assert found[0]["place"] == {"file": "environment.yml", "lock": "a lock"}
    assert found[1]["link", 1] == (7, 17)


def test_a_manifest_as_most_are_needs_no_parser() -> None:
    text = "run: a (b), [c] 1.2\nfacts:\n  command:\n  - python\n  - --epochs=3\n  - -1\n"
    text += "  data:\n  - path: data\n    size: 6\n  - path: b\n"
    text += "  of.it: {}\n"
    found = read_plain_yaml(text, resolve_plain)
    assert found is not None
    assert found == by_the_parser(text)
    assert found[0]["facts"]["command"] == ["python", "--epochs=3", -1]
    assert found[0]["facts"]["data"] == [{"path": "data", "size": 6}, {"path": "b"}]


@pytest.mark.parametrize(
    "text",
    [
        "- a: 1",
        "a:\n- - b",
        "a: 'it''s'",
        "a: 'b' c",
        "a: é",
        "a:\tb",
        "- a",
        "a: &x b",
        "a: 1\r\nb: 2",
        "a: {b: 1, b: 2}",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(text: str) -> None:
    assert read_plain_yaml(text, resolve_plain) is None
