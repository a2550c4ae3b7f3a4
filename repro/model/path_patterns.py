"""Patterns of paths with the meaning that git gives them in `.gitignore`. Pure.

Source: git's Documentation/gitignore.txt and wildmatch.c. Differences: a pattern is taken as it stands (no comments, no
spaces cut off); one that can match nothing is refused; and `!` takes back what is in a directory that is matched, which
git does not, as it does not look into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from repro.model.dataclass import dataclass

_SLASH = ord("/")
_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": b" \\t",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"digit": b"0-9",
    b"graph": b"!-~",
    b"lower": b"a-z",
    b"print": b" -~",
    b"punct": b"!-/:-@\\[-`{-~",
    b"space": b" \\t\\n\\r\\f\\v",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern; `whole` is matched against the path, or against its last component where `anywhere` is set.

    `above` matches the directories that may have something in them that matches.
    """

    takes_back: bool
    directories_only: bool
    anywhere: bool
    whole: re.Pattern[bytes]
    above: re.Pattern[bytes]


class PathPatterns:
    """Patterns in their order: the last one that matches a path, or a directory that it is in, decides."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read the patterns.

        Raises:
            ValueError: one can match nothing.
        """
        self._patterns = tuple(_read(text) for text in texts)
        self._directories: dict[bytes, int] = {}

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def matches(self, path: bytes, *, is_directory: bool = False) -> bool:
        """Whether a path, relative and without a slash at its end, is matched, or a directory that it is in."""
        last = self._last(path, is_directory)
        return last >= 0 and not self._patterns[last].takes_back

    def may_match_below(self, directory: bytes) -> bool:
        """Whether something in a directory may be matched."""
        if self.matches(directory, is_directory=True):
            return True
        return any(not p.takes_back and (p.anywhere or p.above.fullmatch(directory)) for p in self._patterns)

    def _last(self, path: bytes, is_directory: bool) -> int:
        """Return the number of the last pattern that matches, or -1."""
        cut = path.rfind(b"/")
        above = self._above(path[:cut]) if cut > 0 else -1
        name = path[cut + 1 :]
        for number in range(len(self._patterns) - 1, above, -1):
            pattern = self._patterns[number]
            if pattern.directories_only and not is_directory:
                continue
            if pattern.whole.fullmatch(name if pattern.anywhere else path):
                return number
        return above

    def _above(self, directory: bytes) -> int:
        known = self._directories.get(directory)
        if known is None:
            known = self._directories[directory] = self._last(directory, True)
        return known


@cache
def branch_pattern(text: str) -> re.Pattern[bytes]:
    """Return the expression that matches whole names of branches.

    Raises:
        ValueError: the pattern can match nothing.
    """
    return _compiled(text.encode(), text)


def _read(text: str) -> _Pattern:
    raw = text.encode("utf-8", "surrogateescape")
    takes_back = raw.startswith(b"!")
    raw = raw[1:] if takes_back else raw
    directories_only = raw.endswith(b"/")
    raw = raw[:-1] if directories_only else raw
    anywhere = b"/" not in raw
    raw = raw.removeprefix(b"/")
    if not raw or b"//" in raw or raw.endswith(b"/"):
        raise ValueError(f"the pattern {text!r} matches nothing")
    above = _above(raw.split(b"/"), text)
    return _Pattern(takes_back, directories_only, anywhere, _compiled(raw, text), re.compile(above, re.DOTALL))


def _compiled(raw: bytes, text: str) -> re.Pattern[bytes]:
    parts = raw.split(b"/")
    found = b""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        if _is_any_depth(part):
            found += b".*" if is_last else b"(?:.*/)?"
        else:
            found += _component(part, text) + (b"" if is_last else b"/")
    return re.compile(found, re.DOTALL)


def _above(parts: list[bytes], text: str) -> bytes:
    """Return the expression of the directories that a pattern's first components match, all but the last."""
    found = b""
    for part in reversed(parts[:-1]):
        below = b"(?:/" + found + b")?" if found else b""
        found = b".*" if _is_any_depth(part) else _component(part, text) + below
    return found or (b".*" if _is_any_depth(parts[0]) else b"(?!)")


def _is_any_depth(part: bytes) -> bool:
    return len(part) > 1 and not part.strip(b"*")


def _component(part: bytes, text: str) -> bytes:
    found = b""
    position = 0
    while position < len(part):
        char = part[position : position + 1]
        position += 1
        if char == b"*":
            found += b"" if found.endswith(b"[^/]*") else b"[^/]*"
        elif char == b"?":
            found += b"[^/]"
        elif char == b"[":
            inner, position = _bracket(part, position, text)
            found += inner
        elif char == b"\\":
            if position == len(part):
                raise ValueError(f"the pattern {text!r} ends with a backslash")
            found += re.escape(part[position : position + 1])
            position += 1
        else:
            found += re.escape(char)
    return found


def _bracket(part: bytes, position: int, text: str) -> tuple[bytes, int]:
    """Return the expression of `[…]`, whose bracket is open, and where it ends."""
    negated = part[position : position + 1] in (b"!", b"^")
    start = position + negated
    position = start
    taken: set[int] = set()
    while position == start or part[position : position + 1] != b"]":
        if position >= len(part):
            raise ValueError(f"the pattern {text!r} has a bracket that is not closed")
        named = re.compile(rb"\[:([a-z]*):\]").match(part, position)
        if named:
            if named[1] not in _CLASSES:
                raise ValueError(f"the pattern {text!r} has the unknown class [:{named[1].decode()}:]")
            taken |= _bytes_of(b"[" + _CLASSES[named[1]] + b"]")
            position = named.end()
            continue
        low, position = _one(part, position, text)
        high = low
        if part[position : position + 1] == b"-" and part[position + 1 : position + 2] not in (b"]", b""):
            high, position = _one(part, position + 1, text)
        taken |= set(range(low, high + 1))
    allowed = (set(range(256)) - taken if negated else taken) - {_SLASH}
    inner = b"".join(b"\\x%02x" % byte for byte in sorted(allowed))
    return (b"[" + inner + b"]" if inner else b"(?!)"), position + 1


def _one(part: bytes, position: int, text: str) -> tuple[int, int]:
    if part[position : position + 1] == b"\\":
        position += 1
    if position >= len(part):
        raise ValueError(f"the pattern {text!r} has a bracket that is not closed")
    return part[position], position + 1


@cache
def _bytes_of(expression: bytes) -> frozenset[int]:
    compiled = re.compile(expression)
    return frozenset(byte for byte in range(256) if compiled.match(bytes([byte])))
