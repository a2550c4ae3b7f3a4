"""Canonical JSON: one text for one value, so that a digest over it is a digest of the value."""

from __future__ import annotations

import json

from repro.model.digest import Digest, digest_of


def canonical_json(value: object) -> bytes:
    """Return `value` as canonical JSON: UTF-8, keys sorted, no white space, no floats.

    A float is written as `{"$float": "<shortest decimal that gives it back>"}` (Python's `repr`; `nan`,
    `inf`, `-inf`), because JSON writers do not agree on floats. So that nothing else looks like that, a key
    that begins with `$` gets another `$` before it.

    Args:
        value: mappings with text keys, lists, tuples, texts, whole numbers, floats, true, false, None.
    """
    plain = _without_floats(value)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def canonical_digest(value: object) -> Digest:
    """Return the digest of `value`'s canonical JSON."""
    return digest_of(canonical_json(value))


def _without_floats(value: object) -> object:
    if isinstance(value, float):
        return {"$float": repr(value)}
    if isinstance(value, dict):
        return {"$" + key if key.startswith("$") else key: _without_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical JSON")
