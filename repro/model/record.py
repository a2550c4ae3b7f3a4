"""Reading records strictly: every field is asked for by name and type, and what nobody asked for is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from repro.errors import CannotProceed, IntegrityError, ReproError

T = TypeVar("T")

MAX_INTEGER = 2**63 - 1  # as in a tree: no file is larger, and no count of ours is


class BadRecord(IntegrityError):
    """A manifest, pointer or other record lacks a field, or has one of the wrong type or an unsafe value."""

    id = "bad-record"


class NewerFormat(CannotProceed):
    """A record was written by a newer repro, in a format that this one does not read."""

    id = "newer-format"


class Fields:
    """A mapping from a file, with its place (`manifest x.yaml: facts.recipe`) for messages."""

    def __init__(self, value: object, where: str) -> None:
        """Take `value`, which must be a mapping with text keys.

        Raises:
            BadRecord: it is not.
        """
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise BadRecord(f"{where} is not a mapping")
        self._value: dict[str, Any] = value
        self._where = where
        self._taken: set[str] = set()

    def version(self, newest: int, key: str = "repro") -> int:
        """Return the record's format version.

        Raises:
            NewerFormat: it is above `newest`.
        """
        found = self.integer(key)
        if found > newest:
            raise NewerFormat(
                f"{self._where} has format version {found}; this repro reads up to {newest}",
                "install a newer repro",
            )
        if found < 1:
            raise BadRecord(f"{self._where}: {key} is {found}, not a format version")
        return found

    def take(self, key: str) -> Any:
        """Return the value at `key`, None where it is absent."""
        self._taken.add(key)
        return self._value.get(key)

    def text(self, key: str) -> str:
        """Return the text at `key`."""
        return self._typed(key, str, "text")

    def optional_text(self, key: str) -> str | None:
        """Return the text at `key`, or None."""
        return None if self.take(key) is None else self.text(key)

    def integer(self, key: str) -> int:
        """Return the whole number at `key`, from 0 to 2^63 - 1."""
        found = self._typed(key, int, "a whole number")
        if isinstance(found, bool) or not 0 <= found <= MAX_INTEGER:
            raise BadRecord(f"{self._where}: {key} is {_shown(found)}, not a whole number from 0 to 2^63-1")
        return found

    def optional_integer(self, key: str) -> int | None:
        """Return the whole number at `key`, or None."""
        return None if self.take(key) is None else self.integer(key)

    def optional_number(self, key: str) -> float | None:
        """Return the number at `key` as a finite float, or None."""
        found = self.take(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= MAX_INTEGER:
            raise BadRecord(f"{self._where}: {key} is {_shown(found)}, not a number")
        return float(found)

    def boolean(self, key: str) -> bool:
        """Return the truth value at `key`; absent is False."""
        return False if self.take(key) is None else self._typed(key, bool, "true or false")

    def optional_boolean(self, key: str) -> bool | None:
        """Return the truth value at `key`, or None."""
        return None if self.take(key) is None else self.boolean(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts at `key`; absent is empty."""
        return tuple(self._list(key, lambda item, where: _text(item, where)))

    def checked_texts(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Return the list of texts at `key`, each after `parse`, whose error gets its place; absent is empty."""
        return tuple(self._list(key, lambda item, where: _parsed(_text(item, where), parse, where)))

    def text_map(self, key: str) -> dict[str, str]:
        """Return the mapping of texts to texts at `key`; absent is empty."""
        found = self.take(key)
        if found is None:
            return {}
        inner = Fields(found, f"{self._where}.{key}")
        return {name: inner.text(name) for name in found}

    def plain_map(self, key: str) -> dict[str, Any]:
        """Return the mapping at `key` as it is; absent is empty."""
        found = self.take(key)
        return {} if found is None else dict(Fields(found, f"{self._where}.{key}")._value)

    def fields(self, key: str) -> Fields:
        """Return the mapping at `key` as fields."""
        return Fields(self.take(key), f"{self._where}.{key}")

    def optional_fields(self, key: str) -> Fields | None:
        """Return the mapping at `key` as fields, or None."""
        return None if self.take(key) is None else self.fields(key)

    def records(self, key: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """Return the list of mappings at `key`, each read by `read`; absent is empty."""
        return tuple(self._list(key, lambda item, where: read(Fields(item, where))))

    def checked(self, key: str, parse: Callable[[str], T]) -> T:
        """Return the text at `key` after `parse`, whose error gets this record's place."""
        return _parsed(self.text(key), parse, f"{self._where}: {key}")

    def rest(self) -> dict[str, Any]:
        """Return the fields that nobody asked for: a later version's, kept when the record is written again."""
        return {key: value for key, value in self._value.items() if key not in self._taken}

    def raw(self) -> dict[str, Any]:
        """Return the mapping as it was read."""
        return self._value

    def bad(self, problem: str) -> BadRecord:
        """Return the error that says `problem` of this place."""
        return BadRecord(f"{self._where}: {problem}")

    def _typed(self, key: str, kind: type[T], called: str) -> T:
        found = self.take(key)
        if found is None:
            raise BadRecord(f"{self._where}: {key} is missing")
        if not isinstance(found, kind):
            raise BadRecord(f"{self._where}: {key} is {_shown(found)}, not {called}")
        return found

    def _list(self, key: str, read: Callable[[object, str], T]) -> list[T]:
        found = self.take(key)
        if found is None:
            return []
        if not isinstance(found, list):
            raise BadRecord(f"{self._where}: {key} is not a list")
        return [read(item, f"{self._where}.{key}[{index}]") for index, item in enumerate(found)]


def _text(item: object, where: str) -> str:
    if not isinstance(item, str):
        raise BadRecord(f"{where} is {_shown(item)}, not text")
    return item


def _parsed(text: str, parse: Callable[[str], T], where: str) -> T:
    try:
        return parse(text)
    except (ReproError, ValueError) as error:
        raise BadRecord(f"{where}: {_cut(str(error))}") from error


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    """Return text for a message: what comes from elsewhere may be 64 MiB long."""
    return text if len(text) <= 300 else text[:300] + "…"
