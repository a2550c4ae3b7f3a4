"""Which lines of an `environment.yml` hold for which platform: `# [linux and not aarch64]`, `sel(win): …`.

The words are conda-build's; conda-lock and others take them over from there.
"""

from __future__ import annotations

import re

from repro.model.pattern import pattern

_ARCHITECTURES = {
    "64": ("x86_64", "x86"),
    "32": ("x86",),
    "aarch64": ("aarch64",),
    "arm64": ("arm64",),
    "ppc64le": ("ppc64le",),
    "s390x": ("s390x",),
    "armv7l": ("armv7l", "arm"),
    "armv6l": ("armv6l", "arm"),
    "riscv64": ("riscv64",),
}
_SYSTEMS = ("linux", "osx", "win")
WORDS = frozenset(
    {*_SYSTEMS, "unix", *(word for words in _ARCHITECTURES.values() for word in words)}
    | {f"{system}{bits}" for system in _SYSTEMS for bits in ("32", "64")}
)
"""Every word that a selector may have, beside `and`, `or`, `not` and parentheses."""

_TOKEN = pattern(r"\s*([()]|[A-Za-z0-9_]+)")
MAX_LENGTH = 200


class BadSelector(ValueError):
    """A selector has a word that means nothing, or is not complete."""


def true_words(subdir: str) -> frozenset[str]:
    """Return the words that hold on a platform, `linux-64` for example."""
    system, _, architecture = subdir.partition("-")
    words = {system, *_ARCHITECTURES.get(architecture, ())}
    if architecture in ("32", "64"):
        words.add(system + architecture)
    if system != "win":
        words.add("unix")
    return frozenset(words)


def holds(selector: str, subdir: str) -> bool:
    """Whether a selector holds on a platform.

    Raises:
        BadSelector: it means nothing.
    """
    return _Reader(selector, true_words(subdir)).whole()


class _Reader:
    """Reads `or`, below it `and`, below it `not` and parentheses. Its depth is bounded by the length."""

    def __init__(self, text: str, true: frozenset[str]) -> None:
        if len(text) > MAX_LENGTH:
            raise BadSelector(f"a selector is longer than {MAX_LENGTH} characters")
        self._text, self._true = text, true
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise BadSelector(f"the selector [{text}] has a character that means nothing")

    def whole(self) -> bool:
        value = self._either()
        if self._tokens:
            raise BadSelector(f"the selector [{self._text}] goes on with {self._tokens[0]!r}")
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._next("or"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._next("and"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._next("not"):
            return not self._one()
        if self._next("("):
            value = self._either()
            if not self._next(")"):
                raise BadSelector(f"the selector [{self._text}] lacks a )")
            return value
        if not self._tokens:
            raise BadSelector(f"the selector [{self._text}] is not complete")
        word = self._tokens.pop(0)
        if word not in WORDS:
            raise BadSelector(f"{word!r} in the selector [{self._text}] is no platform")
        return word in self._true

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False
