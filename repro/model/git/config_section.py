"""A section in the text of a git config file, and a line in a list: added, and taken away without a trace."""

from __future__ import annotations

import re

_OPEN_END = b"\t# the line before this section had no end\n"


def without_section(text: bytes, header: bytes) -> bytes:
    """Return a config file's text without the section of this header (`[merge "repro"]`), up to the next one."""
    pattern = re.compile(rb"^" + re.escape(header) + rb"[ \t]*\n((?:(?![ \t]*\[)[^\n]*\n)*)", re.MULTILINE)
    match = pattern.search(text if text.endswith(b"\n") else text + b"\n")
    if not match:
        return text
    before, after = text[: match.start()], text[match.end() :]
    if _OPEN_END in match[1] and not after:
        before = before.removesuffix(b"\n")
    return before + after


def with_section(text: bytes, header: bytes, lines: bytes) -> bytes:
    """Return a config file's text with the section of this header at its end, in place of any other of that header.

    Args:
        text: the file.
        header: the section's first line, without its end.
        lines: the section's other lines, each with its end.
    """
    text = without_section(text, header)
    if text and not text.endswith(b"\n"):
        return text + b"\n" + header + b"\n" + lines + _OPEN_END
    return text + header + b"\n" + lines


def has_section(text: bytes, header: bytes, lines: bytes) -> bool:
    """Whether the section of this header is there and is made of these lines."""
    return (b"\n" + header + b"\n" + lines) in b"\n" + text


def without_line(text: bytes, line: bytes) -> bytes:
    """Return text without this line. What stood before `with_line` comes back to the byte."""
    if text.endswith(b"\n" + line):
        return text.removesuffix(b"\n" + line)
    kept = [one for one in text.splitlines(keepends=True) if one != line + b"\n"]
    return b"".join(kept)


def with_line(text: bytes, line: bytes) -> bytes:
    """Return text with this line at its end, if it is not there yet."""
    if line in text.splitlines():
        return text
    # A text whose last line has no end gets ours without one as well: that tells `without_line` what it was.
    return text + line + b"\n" if not text or text.endswith(b"\n") else text + b"\n" + line
