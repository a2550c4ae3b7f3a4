"""File names: raw bytes inside, one line of printable text outside, and never a way out of the project.

The text form is specified in `docs/reference/format.md`, section "Paths". It is a bijection between the
legal paths and their texts, so a path has one spelling and a digest over texts is a digest over paths.
"""

from __future__ import annotations

import re
from typing import NewType

from repro.errors import IntegrityError
from repro.model.pattern import pattern

RelPath = NewType("RelPath", bytes)
"""A path relative to the project's root: raw bytes, `/` between components, checked by `check_path`."""

MAX_NAME = 255
MAX_PATH = 4096

# C0 and C1 controls, DEL, zero-width and bidirectional marks, line and paragraph separators, the BOM: what
# could hide in a terminal or break a line. A fixed list, not str.isprintable: that changes with Python.
_HIDDEN = pattern("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\udc80-\udcff\\\\]")
# Characters that a file system may not see, or not at all, are several bytes from 0x80 on each.
_MAYBE_GIT = pattern(rb"(?i)(?:\A|\0)[\x80-\xff]*(?:\.[\x80-\xff]*)?g[\x80-\xff]*i[\x80-\xff]*t")
_ESCAPE = pattern(rb"\\(?:\\|x([0-9a-f]{2}))")


class UnsafePath(IntegrityError):
    """A path that could leave the project, reach into git's folders, or has no canonical spelling."""

    id = "unsafe-path"


def name_to_text(raw: bytes) -> str:
    """Return the text form of a name, path or link target.

    Args:
        raw: any bytes.

    Returns:
        Text without control characters. A backslash is doubled; every byte that is not part of valid
        UTF-8, or is part of a hidden character, is written ``\\xNN``.
    """

    def escape(match: re.Match[str]) -> str:
        char = match.group()
        if char == "\\":
            return "\\\\"
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))

    return _HIDDEN.sub(escape, raw.decode("utf-8", "surrogateescape"))


def text_to_name(text: str) -> bytes:
    """Return the bytes whose text form `text` is.

    Raises:
        UnsafePath: `text` is not the canonical text form of anything.
    """
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsafePath(f"{text!r} is not the text form of a path: it holds a lone surrogate") from None
    raw = _ESCAPE.sub(lambda m: bytes.fromhex(m.group(1).decode()) if m.group(1) else b"\\", encoded)
    if name_to_text(raw) != text:
        raise UnsafePath(f"{text!r} is not the canonical text form of a path")
    return raw


def check_name(name: bytes) -> bytes:
    """Return `name` if it may stand in a tree or as a path's component.

    Raises:
        UnsafePath: empty, `.`, `..`, over 255 bytes, with a slash or a NUL, or one that git reads as `.git`.
    """
    if not name:
        raise UnsafePath("a name is empty")
    if name in (b".", b".."):
        raise UnsafePath(f"the name {name_to_text(name)!r} points outside its directory")
    if b"/" in name or b"\0" in name:
        raise UnsafePath(f"the name {name_to_text(name[:300])!r} holds a slash or a NUL byte")
    if len(name) > MAX_NAME:
        raise UnsafePath(f"the name {name_to_text(name[:300])[:60]!r}… is longer than {MAX_NAME} bytes")
    if is_git_name(name):
        raise UnsafePath(f"the name {name_to_text(name)!r} is git's own folder")
    return name


def may_hold_git_name(names: bytes) -> bool:
    """Whether one of the names, joined by NUL bytes, may be what `is_git_name` says of a name; no means no.

    One search in C over many names: hundreds of times faster than asking for each.
    """
    return _MAYBE_GIT.search(names) is not None


def is_git_name(name: bytes) -> bool:
    """Whether some file system would take `name` for `.git`: the cases that git itself refuses to check out.

    Source: git's `verify_dotfile`, `is_ntfs_dotgit` and `is_hfs_dotgit`.
    """
    if not may_hold_git_name(name):
        return False
    text = name.decode("utf-8", "ignore")
    visible = "".join(
        c
        for c in text
        if not (
            0x200B <= ord(c) <= 0x200F or 0x202A <= ord(c) <= 0x202E or 0x206A <= ord(c) <= 0x206F or ord(c) == 0xFEFF
        )
    )
    bare = visible.split(":", 1)[0].rstrip(". ").casefold()
    return bare in (".git", "git~1")


def check_path(raw: bytes) -> RelPath:
    """Return `raw` as a path inside the project.

    Raises:
        UnsafePath: absolute, empty, too long, an unsafe component, or inside `.repro/`.
    """
    if raw.startswith(b"/"):
        raise UnsafePath(f"the path {name_to_text(raw[:300])!r} is absolute")
    if len(raw) > MAX_PATH:
        raise UnsafePath(f"the path {name_to_text(raw[:60])!r}… is longer than {MAX_PATH} bytes")
    parts = raw.split(b"/")
    for part in parts:
        try:
            check_name(part)
        except UnsafePath as error:
            raise UnsafePath(f"the path {name_to_text(raw[:300])!r} is unsafe: {error.message}") from None
    if parts[0].lower() == b".repro":
        raise UnsafePath(f"the path {name_to_text(raw[:300])!r} is inside repro's own folder")
    return RelPath(raw)


def parse_path(text: str) -> RelPath:
    """Return the path whose text form `text` is.

    Raises:
        UnsafePath: not canonical, or not inside the project.
    """
    return check_path(text_to_name(text))


def is_within(path: bytes, parent: bytes) -> bool:
    """Whether `path` is `parent` or below it. `b"."` is the project's root."""
    return parent == b"." or path == parent or path.startswith(parent + b"/")
