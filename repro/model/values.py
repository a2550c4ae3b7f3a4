"""Parameters and metrics: plain values from `-p K=V` and from the bytes of YAML, TOML, JSON and CSV files."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from repro.errors import UsageError
from repro.model.yaml.strict import BadYaml, load_yaml, resolve_plain

MAX_DEPTH = 50  # of nested values: half of what a manifest may nest


class BadValues(UsageError):
    """A parameter or metrics file, or a `-p K=V`, cannot be read."""

    id = "bad-values"


def parse_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """Return the parameters that `K=V` texts give; a value is read as a YAML scalar (`0.1`, `true`, `adam`).

    Raises:
        BadValues: without `=`, without a name, or a name that stands twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadValues(f"{text!r} is not of the form NAME=VALUE", "for example: -p lr=0.1")
        if name in found:
            raise BadValues(f"the parameter {name!r} is given twice")
        found[name] = _scalar(value)
        if "\0" in str(found[name]):
            raise BadValues(f"the parameter {name!r} holds a NUL byte, which no command can be given")
    return found


def read_values(data: bytes, path: str, *, tables: bool = False) -> dict[str, Any]:
    """Return the values that a parameter or metrics file holds.

    Args:
        data: the file's bytes.
        path: its path; the ending tells the format: `.yaml`, `.yml`, `.toml`, `.json`, and `.csv` where
            `tables` is true.
        tables: whether CSV is taken: of a table with a header line, the last row counts.

    Raises:
        BadValues: another ending, or the file is not what its ending says, or holds no mapping.
    """
    ending = path.rsplit(".", 1)[-1].lower()
    try:
        if ending in ("yaml", "yml"):
            value: Any = load_yaml(data, path)
        elif ending == "json":
            value = json.loads(data)
        elif ending == "toml":
            value = _toml(data)
        elif ending == "csv" and tables:
            value = _last_row(data.decode("utf-8-sig"))
        else:
            endings = ".yaml, .toml, .json" + (", .csv" if tables else "")
            raise BadValues(f"{path} has none of the endings that can be read: {endings}")
        plain = _plain({} if value is None else value)
    except (BadYaml, ValueError, RecursionError, csv.Error) as error:
        raise BadValues(f"{path} cannot be read: {error}") from error
    if not isinstance(plain, dict):
        raise BadValues(f"{path} holds a {type(value).__name__}, not names and values")
    return plain


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested values by dotted names, lists whole."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _scalar(text: str) -> Any:
    """Return what a text on the command line or in a table's cell means: YAML's scalars, and no other YAML.

    So `run #3` and `a: b` are the texts that they look like.
    """
    bare = text.strip()
    quoted = bare[:1] in ("'", '"')
    try:
        value = load_yaml(bare.encode(), "value") if quoted else resolve_plain(bare)
    except (BadYaml, ValueError):
        return text
    if isinstance(value, str):
        return value if quoted else text
    return text if isinstance(value, dict | list) else value


def _toml(data: bytes) -> Any:
    import tomllib

    return tomllib.loads(data.decode())


def _last_row(text: str) -> dict[str, Any]:
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    if not rows:
        return {}
    return {str(name): _scalar(value) if isinstance(value, str) else value for name, value in rows[-1].items()}


def _plain(value: Any, depth: int = 0) -> Any:
    """Return `value` in the types that a manifest holds; dates become text, nothing else is invented."""
    if depth > MAX_DEPTH:
        raise ValueError(f"values are nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {_text(str(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**300:
        raise ValueError("a whole number is too large")
    if isinstance(value, float) and math.isnan(value):
        return math.nan
    return value


def _text(value: str) -> str:
    value.encode()  # a lone surrogate from JSON's \ud800 has no UTF-8: ValueError
    return value
