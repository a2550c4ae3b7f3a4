"""YAML as repro's files use it: a pure function from bytes to plain values, and back.

The reader follows YAML 1.2's core schema (`1e-3` is a number, `no` and `12:30` are text, dates stay text) and
refuses what a record never needs and an attacker likes: aliases, tags, duplicate keys, several documents.
The writer quotes every text that a YAML 1.1 or 1.2 reader could take for something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from repro.errors import IntegrityError
from repro.model.pattern import pattern
from repro.model.yaml.plain import read_plain_yaml
from repro.model.yaml.positions import KeyPath, Position

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100
_TOO_DEEP = "nested too deeply"
MAX_DIGITS = 4000  # Python writes up to 4300 without being asked
MAX_HEX_DIGITS = 3300  # these have fewer than 4000 decimal digits, in which the number is written again

_MOST_WITHOUT = 8
_without_parser = 0
"""How many files this process has read without the parser: once that is imported, or was worth it, it is faster."""

_NULL = pattern(r"^(?:~|null|Null|NULL|)$")
_BOOL = pattern(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = pattern(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = pattern(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class BadYaml(IntegrityError):
    """A file is not the YAML that repro reads; `position` says where, if that is known."""

    id = "bad-yaml"

    def __init__(self, message: str, position: Position | None = None) -> None:
        super().__init__(message)
        self.position = position


def load_yaml(data: bytes, what: str) -> Any:
    """Return the plain value (dict, list, str, int, float, bool, None) that `data` holds.

    Args:
        data: UTF-8 text.
        what: the file's name, for messages.

    Raises:
        BadYaml: not UTF-8, not YAML, over 64 MiB, or with an alias, a tag or a duplicate key.
    """
    plain = _plain(data)
    return plain[0] if plain else _load(data, _Builder(what, marked=False)).result


def load_yaml_marked(data: bytes, what: str) -> tuple[Any, dict[KeyPath, Position]]:
    """As `load_yaml`, with the position of every key and list item, by its path of keys and indices."""
    plain = _plain(data)
    if plain:
        return plain
    builder = _load(data, _Builder(what, marked=True))
    return builder.result, builder.positions


def _plain(data: bytes) -> tuple[Any, dict[KeyPath, Position]] | None:
    global _without_parser
    if _without_parser == _MOST_WITHOUT:
        return None
    _without_parser += 1
    try:
        return read_plain_yaml(data.decode("utf-8"), resolve_plain)
    except UnicodeDecodeError:
        return None  # the parser says where


def _load(data: bytes, builder: _Builder) -> _Builder:
    global _without_parser
    import yaml

    _without_parser = _MOST_WITHOUT
    what = builder.what
    if len(data) > MAX_BYTES:
        raise BadYaml(f"{what} is larger than {MAX_BYTES} bytes")
    try:
        for event in yaml.parse(data.decode("utf-8"), Loader=_loader()):
            builder.feed(event)
    except UnicodeDecodeError as error:
        raise BadYaml(f"{what} is not UTF-8 text: byte {error.start}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = (mark.line + 1, mark.column + 1) if mark else None
        where = f", line {position[0]}, column {position[1]}" if position else ""
        problem = str(getattr(error, "problem", None) or error)
        # libyaml from PyYAML 6.0.4 on looks ahead, and has a limit of its own (1,000) that it may meet first.
        if "nesting depth" in problem:
            problem = _TOO_DEEP
        raise BadYaml(f"{what}{where}: {problem}", position) from None
    return builder


def dump_yaml(value: object) -> str:
    """Return `value` as block-style YAML, mappings in their own order."""
    import yaml

    return yaml.dump(value, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=110)


@cache
def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _dumper() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]  # the base is the C dumper where there is one
        def ignore_aliases(self, data: object) -> bool:
            return True

    # Text that only a YAML 1.2 reader takes for a number must be quoted as well.
    Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    Dumper.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    return Dumper


class _Builder:
    """Builds the value from parser events, without recursion: a deeply nested file must not end the process."""

    def __init__(self, what: str, *, marked: bool) -> None:
        self.what = what
        self.marked = marked  # the positions of a large file would fill the memory
        self.result: Any = None
        self.positions: dict[KeyPath, Position] = {}
        self._documents = 0
        self._open: list[Any] = []  # the containers around the next value
        self._keys: list[str | int | None] = []  # for each of them: the key that waits for its value

    def feed(self, event: Any) -> None:
        name = type(event).__name__
        position = (event.start_mark.line + 1, event.start_mark.column + 1)
        if name == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                raise self._bad(position, "a second document begins")
        elif name == "AliasEvent" or getattr(event, "anchor", None):
            raise self._bad(position, "anchors and aliases are not allowed")
        elif name == "ScalarEvent":
            self._scalar(event, position)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            if event.tag:
                raise self._bad(position, f"the tag {event.tag!r} is not allowed")
            if len(self._open) >= MAX_DEPTH:
                raise self._bad(position, _TOO_DEEP)
            container: Any = {} if name.startswith("Map") else []
            self._place(container, position)
            self._open.append(container)
            self._keys.append(None)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
            self._keys.pop()
            if self._open and isinstance(self._open[-1], dict):
                self._keys[-1] = None

    def _scalar(self, event: Any, position: Position) -> None:
        if event.tag:
            raise self._bad(position, f"the tag {event.tag!r} is not allowed")
        if self._open and isinstance(self._open[-1], dict) and self._keys[-1] is None:
            if event.value in self._open[-1]:
                raise self._bad(position, f"the key {event.value!r} stands twice")
            self._keys[-1] = event.value
            self._mark(position)
            return
        plain = event.style in (None, "")
        self._place(self._resolve(event.value, position) if plain else event.value, position)

    def _place(self, value: object, position: Position) -> None:
        if not self._open:
            self.result = value
            self._mark(position)
        elif isinstance(self._open[-1], list):
            self._keys[-1] = len(self._open[-1])
            self._mark(position)
            self._open[-1].append(value)
        elif self._keys[-1] is None:
            raise self._bad(position, "a key is not plain text")
        else:
            self._open[-1][self._keys[-1]] = value
            if not isinstance(value, dict | list):
                self._keys[-1] = None

    def _mark(self, position: Position) -> None:
        if self.marked:
            self.positions[tuple(key for key in self._keys if key is not None)] = position

    def _resolve(self, text: str, position: Position) -> object:
        try:
            return resolve_plain(text)
        except ValueError as error:
            raise self._bad(position, str(error)) from None

    def _bad(self, position: Position, problem: str) -> BadYaml:
        return BadYaml(f"{self.what}, line {position[0]}, column {position[1]}: {problem}", position)


def resolve_plain(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means in YAML 1.2's core schema; text that is nothing else means itself.

    Raises:
        ValueError: a number with more digits than are taken.
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        prefixed = text[:2] in ("0o", "0x")
        if len(text) > (MAX_HEX_DIGITS if prefixed else MAX_DIGITS):
            raise ValueError(f"a number has {len(text)} digits")
        return int(text, 0) if prefixed else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def nearest(word: str, words: Mapping[str, object] | list[str] | tuple[str, ...]) -> str | None:
    """Return the one of `words` that looks most like `word`, or None if none does."""
    import difflib

    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return found[0] if found else None
