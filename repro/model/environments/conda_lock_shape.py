"""The shape in which repro writes a conda-lock.yml: its lines, and how they are taken apart without a YAML parser.

Taking apart is a guess, and a quick one: whoever calls writes what was found again, and believes it only if that gives
the same bytes (`repro.model.environments.conda_lock_file.parse_conda_lock`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from repro.model.pattern import pattern

_PLAIN = pattern(r"[A-Za-z_](?:[A-Za-z0-9_./+%=<>~-]|:(?=[A-Za-z0-9/]))*")
_NOT_TEXT = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])

_SECTION = pattern(r"\n  (?=[a-z])")
_PAIR = pattern(r"^ {4}('(?:[^'\n]|'')*'|[^\s']+): (.+)$", re.MULTILINE)
_ITEM = pattern(r"^ +- (.+)$", re.MULTILINE)
_PACKAGE = pattern(
    r"- name: (.+)\n  version: (.+)\n  manager: (.+)\n  platform: (.+)\n  dependencies:(?: \{\}\n|\n((?: {4}.+\n)+))"
    r"  url: (.+)\n  hash:\n((?: {4}.+\n)+)(?:  build: (.+)\n)?  category: main\n  optional: false\n"
)


def mapping_lines(name: str, items: Iterable[tuple[str, str]], indent: str) -> list[str]:
    """Return the lines of a mapping."""
    lines = [f"{indent}  {scalar(key)}: {scalar(value)}" for key, value in items]
    return [f"{indent}{name}:", *lines] if lines else [f"{indent}{name}: {{}}"]


def list_lines(name: str, items: Iterable[str], indent: str) -> list[str]:
    """Return the lines of a list."""
    lines = [f"{indent}- {scalar(item)}" for item in items]
    return [f"{indent}{name}:", *lines] if lines else [f"{indent}{name}: []"]


def scalar(text: str) -> str:
    """Return a text as YAML, 1.1 and 1.2, takes it for that text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    if text.isprintable():
        return f"'{text.replace(chr(39), chr(39) * 2)}'"
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def by_shape(data: bytes) -> Any:
    """Return the plain value that a lock has if it is one that repro wrote; None, or anything, where it is not."""
    try:
        head, mark, packages = data.decode("utf-8").partition("\npackage:\n")
    except UnicodeDecodeError:
        return None
    _, _, metadata = head.partition("\nversion: 1\nmetadata:")
    if not mark or not metadata:
        return None
    sections: dict[str, Any] = {}
    for section in _SECTION.split(metadata)[1:]:
        name, _, body = section.partition(":")
        sections[name] = _section(name, body)
    return {"version": 1, "metadata": sections, "package": [_package(found) for found in _PACKAGE.finditer(packages)]}


def _section(name: str, body: str) -> Any:
    if name == "channels":
        return [_channel(channel) for channel in body.split("\n  - url: ")[1:]]
    return _pairs(body) if name in ("content_hash", "custom_metadata") else _items(body)


def _channel(text: str) -> dict[str, Any]:
    url, _, names = text.partition("\n")
    return {"url": _text(url), "used_env_vars": _items(names)}


def _package(found: re.Match[str]) -> dict[str, Any]:
    name, version, manager, platform, dependencies, url, hashes, build = found.groups()
    package = {
        "name": _text(name),
        "version": _text(version),
        "manager": manager,
        "platform": _text(platform),
        "dependencies": _pairs(dependencies or ""),
        "url": _text(url),
        "hash": _pairs(hashes),
        "category": "main",
        "optional": False,
    }
    return package | {"build": _text(build)} if build else package


def _pairs(text: str) -> dict[str, str]:
    return {_text(key): _text(value) for key, value in _PAIR.findall(text)}


def _items(text: str) -> list[str]:
    return [_text(item) for item in _ITEM.findall(text)]


def _text(written: str) -> str:
    return written[1:-1].replace("''", "'") if written[0] == "'" else written
