"""Parameters and metrics: what is typed and what stands in files becomes the value that it looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.runs.parameters import parameter_variables
from repro.model.values import MAX_DEPTH, BadValues, flatten, parse_assignments, read_values
from repro.model.yaml.strict import dump_yaml, load_yaml
from tests.model.some_records import plain_maps


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1), ("1e-3", 0.001), ("3", 3), ("0x10", 16), ("true", True), ("yes", "yes"), ("no", "no"),
        ("null", None), ("", None), ("adam", "adam"), ("'0.1'", "0.1"), ('"a\\tb"', "a\tb"), ("it's", "it's"),
        ("'open", "'open"), ("run #3", "run #3"), ("# x", "# x"), ("a: b", "a: b"), ("[1, 2]", "[1, 2]"), ("{}", "{}"),
        ("a=b", "a=b"), ("*x", "*x"), ("!t", "!t"), ("two\nlines", "two\nlines"), (" padded ", " padded "), (" 3 ", 3),
        ("9" * 5000, "9" * 5000), ("2026-11-23", "2026-11-23"), ("'a': b", "'a': b"),
    ],
)  # fmt: skip
def test_a_value_on_the_command_line_is_what_it_looks_like(text: str, value: object) -> None:
    found = parse_assignments([f"k={text}"])["k"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("texts", [["k"], ["=1"], [" =1"], ["k=1", "k=2"], ['k="\\0"']])
def test_what_is_no_assignment_is_refused(texts: list[str]) -> None:
    with pytest.raises(BadValues) as caught:
        parse_assignments(texts)
    assert caught.value.exit_code == 2


@given(plain_maps)
@settings(deadline=None)
def test_the_same_values_are_read_from_yaml_and_json(values: dict[str, Any]) -> None:
    assert read_values(dump_yaml(values).encode(), "p.yaml") == values
    if all(value == value and abs(value) != float("inf") for _, value in flatten(values) if isinstance(value, float)):
        assert read_values(json.dumps(values).encode(), "P.JSON") == values


FILES: dict[str, tuple[str, bytes, object]] = {
    "toml": ("p.toml", b"lr = 1e-3\nwhen = 2026-11-23\n[a]\nb = [1, 'x']\n",
             {"lr": 0.001, "when": "2026-11-23", "a": {"b": [1, "x"]}}),
    "empty-yaml": ("p.yml", b"", {}),
    "comment-only": ("p.yaml", b"# nothing\n", {}),
    "json-with-mark": ("p.json", b"\xef\xbb\xbf{\"a\": 1}", {"a": 1}),
    "csv-last-row": ("m.csv", b"epoch,loss,note\n1,0.5,a\n2,0.25,run #2\n",
                     {"epoch": 2, "loss": 0.25, "note": "run #2"}),
    "csv-header-only": ("m.csv", b"epoch,loss\n", {}),
    "csv-quotes-and-mark": ("m.csv", b'\xef\xbb\xbf"a b",c\n"1,5",\n', {"a b": "1,5", "c": None}),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_read_by_its_ending(case: str) -> None:
    path, data, value = FILES[case]
    assert read_values(data, path, tables=True) == value


BAD: dict[str, tuple[str, bytes]] = {
    "no-ending": ("params", b"a: 1"),
    "other-ending": ("p.ini", b"a=1"),
    "csv-as-parameters": ("p.csv", b"a\n1\n"),
    "yaml-list": ("p.yaml", b"- a"),
    "yaml-alias": ("p.yaml", b"a: &x 1\nb: *x"),
    "yaml-not-utf-8": ("p.yaml", b"a: \xff"),
    "json-broken": ("p.json", b"{"),
    "json-empty": ("p.json", b""),
    "json-surrogate": ("p.json", b'{"a": "\\ud800"}'),
    "json-surrogate-key": ("p.json", b'{"\\ud800": 1}'),
    "json-huge-number": ("p.json", b'{"a": 1' + b"0" * 400 + b"}"),
    "json-longer-number": ("p.json", b'{"a": 1' + b"0" * 5000 + b"}"),
    "json-100000-deep": ("p.json", b'{"a":' * 100_000),
    "json-deeper-than-a-manifest": ("p.json", b'{"a":' * 99 + b"1" + b"}" * 99),
    "toml-broken": ("p.toml", b"a = "),
    "toml-not-utf-8": ("p.toml", b"a = '\xff'"),
    "toml-huge-number": ("p.toml", b"a = 1" + b"0" * 400),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_read_is_named(case: str) -> None:
    path, data = BAD[case]
    with pytest.raises(BadValues) as caught:
        read_values(data, path)
    assert path in caught.value.message


@pytest.mark.parametrize("data", [b'a,b\n"x"y,1\n', b'a\n"open', b"a\n" + b"x" * 200_000, b"a\n\xff\n"])
def test_a_table_that_is_none_is_named(data: bytes) -> None:
    with pytest.raises(BadValues, match=r"m\.csv"):
        read_values(data, "m.csv", tables=True)


def test_the_deepest_values_that_are_taken_fit_into_a_manifest() -> None:
    deep = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    value = read_values(deep, "p.json")
    for _ in range(10):
        value = {"around": value}
    assert load_yaml(dump_yaml(value).encode(), "x") == value


def test_nested_values_have_dotted_names() -> None:
    values = {"a": {"b": {"c": 1}, "d": [1, {"e": 2}]}, "f": {}, "g": None}
    assert dict(flatten(values)) == {"a.b.c": 1, "a.d": [1, {"e": 2}], "f": {}, "g": None}


def test_parameters_become_variables_where_a_variable_can_hold_them() -> None:
    found = parameter_variables(
        {"lr": 0.1, "n": 3, "flag": True, "off": False, "none": None, "text": "a b", "a-b": 1, "größe": 1, "list": [1],
         "params.toml": {"x": 1}}
    )  # fmt: skip
    assert found == {
        "REPRO_PARAM_lr": "0.1",
        "REPRO_PARAM_n": "3",
        "REPRO_PARAM_flag": "true",
        "REPRO_PARAM_off": "false",
        "REPRO_PARAM_none": "",
        "REPRO_PARAM_text": "a b",
    }


@given(st.text())
@settings(deadline=None)
def test_any_text_on_the_command_line_gives_a_plain_scalar_or_a_refusal(text: str) -> None:
    try:
        value = parse_assignments([f"k={text}"])["k"]
    except BadValues:
        assert "\0" in text or '"' in text
        return
    assert isinstance(value, str | int | float | bool | None)
