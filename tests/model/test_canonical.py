"""Canonical JSON: one text for one value, and no two values with one text."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.canonical import canonical_digest, canonical_json
from tests.model.some_records import plain_values


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), plain_values), st.randoms())
@settings(deadline=None)
def test_the_order_of_keys_means_nothing(value: dict[str, Any], rng: Any) -> None:
    keys = list(value)
    rng.shuffle(keys)
    assert canonical_digest({key: value[key] for key in keys}) == canonical_digest(value)


@given(plain_values, plain_values)
@settings(deadline=None)
def test_two_values_have_two_texts(one: Any, two: Any) -> None:
    assert (canonical_json(one) == canonical_json(two)) == (_typed(one) == _typed(two))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é\n\x1f\x7f/\u2028"]}, '{"a":[true,null,"é\\n\\u001f\x7f/\u2028"],"b":1}'),
        ({"\U0001f600": 1, "\uffff": 2}, '{"\uffff":2,"\U0001f600":1}'),  # by code point, not by UTF-16 unit
        (0.1, '{"$float":"0.1"}'),
        (1.0, '{"$float":"1.0"}'),
        (-0.0, '{"$float":"-0.0"}'),
        (1e300, '{"$float":"1e+300"}'),
        (math.nan, '{"$float":"nan"}'),
        (-math.inf, '{"$float":"-inf"}'),
        ({"$float": "0.1", "$$": 1}, '{"$$$":1,"$$float":"0.1"}'),
        (10**40, "1" + "0" * 40),
        ((1, 2), "[1,2]"),
    ],
)
def test_the_text_is_the_specified_one(value: object, text: str) -> None:
    assert canonical_json(value) == text.encode()


def test_what_has_no_text_is_refused() -> None:
    for value in (b"bytes", {1, 2}, object()):
        with pytest.raises(TypeError):
            canonical_json({"a": value})


def _typed(value: Any) -> Any:
    """The value with what `==` overlooks: 1, 1.0 and True are three values, 0.0 and -0.0 are two."""
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return (type(value).__name__, repr(value))
