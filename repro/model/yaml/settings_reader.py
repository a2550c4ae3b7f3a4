"""Reading a settings file's values, with the line of what has no meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from repro.errors import ReproError, UsageError
from repro.model.yaml.positions import KeyPath, Position
from repro.model.yaml.strict import nearest

T = TypeVar("T")


class BadSettings(UsageError):
    """A settings file says something that has no meaning. The message has file and line."""

    id = "bad-settings"


class SettingsReader:
    """Reads values and says where a wrong one stands."""

    def __init__(self, what: str, marks: Mapping[KeyPath, Position]) -> None:
        self.what = what
        self._marks = marks

    def bad(self, at: KeyPath, problem: str, hint: str | None = None) -> BadSettings:
        """Return the error for what stands at `at`."""
        line = self._marks.get(at, (1, 1))[0]
        return BadSettings(f"{self.what}, line {line}: {problem}", hint)

    def mapping(self, value: Any, at: KeyPath, known: tuple[str, ...]) -> dict[str, Any]:
        """Return names with values; a name that is not `known` is an error."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.bad(at, f"{dotted(at)} must be names with values")
        for key in value:
            if key not in known:
                best = nearest(key, known)
                hint = f"did you mean {best!r}?" if best else f"known are: {', '.join(known)}"
                raise self.bad((*at, key), f"{key!r} is not a setting", hint)
        return value

    def text(self, mapping: dict[str, Any], at: KeyPath) -> str | None:
        """Return a text, or None where there is none."""
        value = mapping.get(str(at[-1]))
        if value is not None and not isinstance(value, str):
            raise self.bad(at, f"{dotted(at)} must be text, not {value!r}")
        return value or None

    def word(self, mapping: dict[str, Any], at: KeyPath, known: tuple[str, ...]) -> str | None:
        """Return one of the `known` words, or None."""
        value = mapping.get(str(at[-1]))
        if value is not None and value not in known:
            raise self.bad(at, f"{dotted(at)} is {value!r}, not one of: {', '.join(known)}")
        return value

    def texts(self, mapping: dict[str, Any], at: KeyPath, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Return a list of texts, each parsed."""
        value = mapping.get(str(at[-1]))
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.bad(at, f"{dotted(at)} must be a list", f"for example: {dotted(at)}: [{value}]")
        return tuple(self._parsed(item, (*at, index), parse) for index, item in enumerate(value))

    def _parsed(self, item: Any, at: KeyPath, parse: Callable[[str], T]) -> T:
        if not isinstance(item, str):
            raise self.bad(at, f"{dotted(at[:-1])} must hold texts, not {item!r}")
        try:
            return parse(item)
        except ReproError as error:
            raise self.bad(at, f"{dotted(at[:-1])}: {error.message}") from None


def dotted(at: KeyPath) -> str:
    """Return where something stands, as a person writes it."""
    return ".".join(str(part) for part in at) or "the file"
