"""The YAML that most settings and manifests are, read without a parser: its import takes as long as a small command.

It is only ever a shortcut: names with values one below the other, plain words, quoted texts without escapes, lists and
mappings of them, lists of mappings, comments. Whatever else a text holds, faults among it, is left to the parser
(`repro.model.yaml.strict`), and what is read is what that reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from repro.model.pattern import pattern
from repro.model.yaml.positions import KeyPath, Position

_MOST = 32 * 1024  # characters; beyond, the parser is as fast, its import counted
_DEEPEST = 20
_NOTHING = pattern(r" *(?:#.*)?")
_QUOTED = r"\"[^\"\\]*\"|'[^']*'"
# Several words are one text, with one blank between two; a colon before a blank would make a key of what is before it.
# An option of a command (`-c`, `--epochs=3`) is a word as well.
_WORD = (
    rf"(?:-+(?=[A-Za-z0-9_./]))?[A-Za-z0-9_./](?:[A-Za-z0-9_./@+=&?%~()\[\],;<>-]|:(?! )| (?=[^ #:]))*(?<!:)|{_QUOTED}"
)
# Between brackets, YAML means more by a colon and a question mark.
_LISTED = rf"(?:[A-Za-z0-9_./][A-Za-z0-9_./@+=~-]*|{_QUOTED})"
_IN_LIST = pattern(_LISTED)
_KEY = r"[A-Za-z_][A-Za-z0-9_.-]{0,99}"
_PAIR = rf"{_KEY}: +{_LISTED}"
_IN_MAPPING = pattern(rf"({_KEY}): +({_LISTED})")
_LINE = pattern(
    rf"(?P<indent> *)(?:(?P<dash>- +)?(?P<key>{_KEY}):|-(?= ))"
    rf"(?: +(?:(?P<word>{_WORD})|\[(?P<list>{_LISTED}(?:, *{_LISTED})*)\]|\{{(?P<pairs>{_PAIR}(?:, *{_PAIR})*)\}}"
    r"|(?P<empty>\[\]|\{\})))?"
    r" *(?: #.*)?"
)


def read_plain_yaml(text: str, resolve: Callable[[str], object]) -> tuple[Any, dict[KeyPath, Position]] | None:
    """Return the value that a text holds, and where each key and list item stands; None where it is not plain.

    Args:
        text: of a file.
        resolve: returns what a plain word means, or raises ValueError.
    """
    if len(text) > _MOST:
        return None
    reading = _Reading(resolve)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.isprintable():  # what is printable to Python is a part of what is to YAML
            return None
        if _NOTHING.fullmatch(line):
            continue
        found = _LINE.fullmatch(line)
        try:
            if found is None or not reading.take(number, found):
                return None
        except ValueError:
            return None
    return reading.result, reading.positions


class _Reading:
    def __init__(self, resolve: Callable[[str], object]) -> None:
        self.result: dict[str, Any] | None = None
        self.positions: dict[KeyPath, Position] = {}
        self._resolve = resolve
        self._open: list[tuple[int, Any, KeyPath]] = []  # indent, container, where it stands
        self._waiting: tuple[Any, str, KeyPath] | None = None  # a key without a value as yet, in its container

    def take(self, number: int, found: re.Match[str]) -> bool:
        """Take the next line; return whether it could be understood."""
        indent, key = len(found["indent"]), found["key"]
        if not self._enter(number, indent, is_list=key is None or found["dash"] is not None):
            return False
        self._waiting = None
        if key is None:
            return self._take_word(number, found)
        if found["dash"] is not None:
            indent = self._begin_mapping(number, found)
        _, container, path = self._open[-1]
        if not isinstance(container, dict) or key in container:
            return False
        here = (*path, key)
        self.positions[here] = (number, indent + 1)
        container[key] = self._value(number, found, here)
        if container[key] is None and found["word"] is None:  # an empty list or mapping is not None
            self._waiting = container, key, here
        return True

    def _take_word(self, number: int, found: re.Match[str]) -> bool:
        """Take an item of a list that is a word."""
        _, container, path = self._open[-1]
        if not isinstance(container, list) or found["word"] is None:
            return False
        self.positions[(*path, len(container))] = (number, found.start("word") + 1)
        container.append(self._meaning(found["word"]))
        return True

    def _begin_mapping(self, number: int, found: re.Match[str]) -> int:
        """Begin an item of a list that is a mapping, by its first key; return where its keys are indented to."""
        _, container, path = self._open[-1]
        if not isinstance(container, list) or len(self._open) > _DEEPEST:
            raise ValueError("an item without a list")
        here = (*path, len(container))
        self.positions[here] = (number, found.start("key") + 1)
        container.append({})
        self._open.append((found.start("key"), container[-1], here))
        return found.start("key")

    def _enter(self, number: int, indent: int, *, is_list: bool) -> bool:
        """Find the container that a line belongs to; begin one where the line above left its value open."""
        if not self._open:
            if indent or is_list:
                return False
            self.result = {}
            self.positions[()] = (number, 1)
            self._open.append((0, self.result, ()))
            return True
        # A list may stand right below its key: then it ends with the next key there.
        begins_here = is_list and self._waiting is not None and indent == self._open[-1][0]
        if indent > self._open[-1][0] or begins_here:
            if self._waiting is None or len(self._open) > _DEEPEST:
                return False
            outer, key, path = self._waiting
            outer[key] = [] if is_list else {}
            self._open.append((indent, outer[key], path))
            return True
        while self._open[-1][0] > indent or (self._ends_here(indent) and not is_list):
            self._open.pop()
        return self._open[-1][0] == indent

    def _ends_here(self, indent: int) -> bool:
        """Whether the innermost is a list that stands right below its key, at this indent."""
        return len(self._open) > 1 and self._open[-2][0] == self._open[-1][0] == indent

    def _value(self, number: int, found: re.Match[str], here: KeyPath) -> object:
        if found["word"] is not None:
            return self._meaning(found["word"])
        if found["empty"] is not None:
            return [] if found["empty"] == "[]" else {}
        if found["pairs"] is not None:
            return self._mapping(number, found, here)
        if found["list"] is None:
            return None
        words = list(_IN_LIST.finditer(found["list"]))
        start = found.start("list") + 1
        self.positions.update({(*here, place): (number, start + word.start()) for place, word in enumerate(words)})
        return [self._meaning(word[0]) for word in words]

    def _mapping(self, number: int, found: re.Match[str], here: KeyPath) -> dict[str, object]:
        value: dict[str, object] = {}
        for pair in _IN_MAPPING.finditer(found["pairs"]):
            if pair[1] in value:
                raise ValueError(f"{pair[1]} stands there twice")
            value[pair[1]] = self._meaning(pair[2])
            self.positions[(*here, pair[1])] = (number, found.start("pairs") + 1 + pair.start())
        return value

    def _meaning(self, word: str) -> object:
        return word[1:-1] if word[0] in "\"'" else self._resolve(word)
