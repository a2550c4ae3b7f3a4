"""YAML as repro reads and writes it: what is written is read as it was, and nothing that is not needed is read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.yaml.strict import MAX_DEPTH, BadYaml, dump_yaml, load_yaml, load_yaml_marked, nearest
from tests.model.some_records import plain_values

# Words that one version of YAML or another, or a spreadsheet, takes for something else than text.
WORDS = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "True", "FALSE", "null", "~", "Null", ".inf", "-.INF",
    ".nan", "1e3", "1e-3", "1E5", "+1", "0x1F", "0o17", "017", "0b11", "1_000", "1:30", "12:30:45", "190:20:30.15",
    "2026-11-23", "2026-11-23T02:13:00Z", "=", "<<", "*a", "&a", "!t", "%d", "@x", "`x", "[", "]", "{", "}", ",",
    "#", "-", "?", ":", "|", ">", "'", "\"",
]  # fmt: skip
texts = st.sampled_from(
    [*WORDS, "", " ", " a", "a ", "a: b", "a #b", "- a", "---", "...", "\ufeff", "\x85", "\u2028", "\n"]
)


@given(plain_values)
@settings(deadline=None)
def test_a_plain_value_is_read_as_it_was_written(value: Any) -> None:
    assert load_yaml(dump_yaml(value).encode(), "x") == value


@given(st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)))
@settings(deadline=None)
def test_text_stays_text_for_a_reader_of_either_yaml(value: Any) -> None:
    written = dump_yaml(value)
    assert load_yaml(written.encode(), "x") == value
    assert yaml.safe_load(written) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("12:30", "12:30"), ("2026-11-23", "2026-11-23"), ("1_000", "1_000"),
        ("0b11", "0b11"), ("1e-3", 0.001), ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("017", 17), ("0o17", 15),
        ("0x1F", 31), ("-0", 0), ("+1", 1), ("~", None), ("null", None), ("", None), ("TRUE", True), ("tRUE", "tRUE"),
        (".inf", math.inf), ("-.INF", -math.inf), ("nan", "nan"), ("inf", "inf"), ("1e", "1e"), ("'1'", "1"),
        ('"no"', "no"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_the_core_schema_of_yaml_1_2_says(text: str, value: object) -> None:
    found = load_yaml(f"k: {text}".encode(), "x")["k"]
    assert (type(found), found) == (type(value), value)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "alias": (b"a: &x 1\nb: *x\n", "line 1, column 4: anchors"),
    "anchor-alone": (b"a: &x 1\n", "anchors"),
    "anchored-key": (b"&x a: 1\n", "anchors"),
    "unknown-alias": (b"a: *x\n", "anchors"),
    "python-tag": (b"!!python/object/apply:os.system ['id']", "tag"),
    "tag-on-a-scalar": (b"a: !!str 1\n", "tag"),
    "tag-on-a-mapping": (b"a: !x {}\n", "tag"),
    "tag-on-a-key": (b"!!str a: 1\n", "tag"),
    "key-twice": (b"a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands twice"),
    "key-twice-in-other-quotes": (b"a: 1\n'a': 2\n", "stands twice"),
    "mapping-as-a-key": (b"? {a: b}\n: c\n", "a key is not plain text"),
    "list-as-a-key": (b"? [a]\n: c\n", "a key is not plain text"),
    "merge-key-with-alias": (b"a: &x {b: 1}\nc:\n  <<: *x\n", "anchors"),
    "two-documents": (b"a: 1\n---\na: 2\n", "a second document"),
    "second-document-empty": (b"a: 1\n---\n", "a second document"),
    "flow-100000-deep": (b"[" * 100_000, "nested too deeply"),
    "blocks-100000-deep": (b"- " * 100_000, "nested too deeply"),
    "mappings-100000-deep": (b"{a: " * 100_000, "nested too deeply"),
    "not-utf-8": (b"a: \xff", "byte 3"),
    "utf-16": ("a: 1".encode("utf-16"), "UTF-8"),
    "surrogate-in-utf-8": (b"a: \xed\xa0\x80", "UTF-8"),
    "escaped-surrogate": (b'a: "\\ud800"', "line 1"),
    "nul": (b"a: \0", "x"),
    "control": (b"a: \x07", "x"),
    "tab-indent": (b"a:\n\tb: 1\n", "line 2"),
    "open-quote": (b"a: 'b", "line 1"),
    "4001-digits": (b"a: " + b"9" * 4001, "digits"),
    "4000-hex-digits": (b"a: 0x" + b"f" * 4000, "digits"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_no_record_needs_is_refused_with_its_place(case: str) -> None:
    data, named = HOSTILE[case]
    with pytest.raises(BadYaml) as caught:
        load_yaml(data, "x")
    assert caught.value.message.startswith("x")
    assert named in caught.value.message
    assert caught.value.exit_code == 4


def test_the_merge_key_of_yaml_1_1_is_a_key_like_another() -> None:
    assert load_yaml(b"<<: {a: 1}\n", "x") == {"<<": {"a": 1}}


def test_a_byte_order_mark_a_comment_and_windows_line_ends_are_no_content() -> None:
    assert load_yaml(b"\xef\xbb\xbf# hello\r\na: 1\r\nb: [x]\r\n", "x") == {"a": 1, "b": ["x"]}


def test_the_depth_that_is_read_is_the_one_that_is_promised() -> None:
    assert load_yaml(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "x")
    with pytest.raises(BadYaml):
        load_yaml(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "x")


def test_the_longest_number_that_is_read_can_be_written_again() -> None:
    for text in ("-" + "9" * 3999, "0x" + "f" * 3298):
        value = load_yaml(text.encode(), "x")
        assert load_yaml(dump_yaml(value).encode(), "x") == value


def test_positions_are_those_of_keys_and_items() -> None:
    _, marks = load_yaml_marked(b"a:\n  b: 1\n  c:\n  - x\n  - d: 2\n", "x")
    assert marks[("a",)] == (1, 1)
    assert marks[("a", "b")] == (2, 3)
    assert marks[("a", "c", 1)] == (5, 5)
    assert marks[("a", "c", 1, "d")] == (5, 5)


def test_the_nearest_word_is_offered_only_if_it_is_near() -> None:
    assert nearest("input", ["inputs", "outputs"]) == "inputs"
    assert nearest("zebra", ["inputs", "outputs"]) is None
