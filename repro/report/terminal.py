"""Talk on stderr, data on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from repro.model.pattern import pattern

if TYPE_CHECKING:  # every command imports this module
    from repro.model.finding import Finding

_MANY = 5
_COLUMNS = 80  # of a terminal that does not say
# Control characters but tab and line feed, and marks that hide or reorder text: as in repro.model.names.
_HIDDEN = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")

_talk = 0  # -1: errors only, 0: as usual, 1: more
_redraws = False
_give_way: Callable[[], None] | None = None


def set_talk(level: int, *, redraws: bool = False) -> None:
    """Say how much is said: -1 errors only, 0 as usual, 1 more; and whether a terminal would redraw a line."""
    global _talk, _redraws
    _talk, _redraws = level, redraws


def may_draw() -> bool:
    """Whether a line that changes would be seen on stderr, and is wanted."""
    return _redraws and _talk >= 0 and sys.stderr.isatty()


def columns() -> int | None:
    """Return the width of the terminal that is stderr; None while it is another job's: we are in the background."""
    try:
        if os.tcgetpgrp(sys.stderr.fileno()) != os.getpgrp():
            return None
    except OSError:
        pass  # a terminal without jobs
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def draw(text: str) -> None:
    """Write on the terminal that is stderr, without a line's end."""
    _write_on_stderr(text)


def share_with(give_way: Callable[[], None] | None) -> None:
    """Name who draws a line, and takes it away when called: it is, before anything else is written."""
    global _give_way
    _give_way = give_way


def say(text: str, level: int = 0) -> None:
    """Say a line on stderr, if as much talk is wanted."""
    if level <= _talk:
        _tell(f"repro: {text}")


def put(text: str, *, raw: bool = False) -> None:
    """Print a line of data on stdout; what a terminal's encoding cannot show is escaped.

    So is what a terminal would obey, since records come from elsewhere; `raw` is for text that a program may read.
    """
    if _give_way is not None:
        _give_way()
    encoding = sys.stdout.encoding or "utf-8"
    shown = text if raw else visible(text)
    print(shown.encode(encoding, "backslashreplace").decode(encoding))


def visible(text: str) -> str:
    """Return text in which what a terminal would obey, or not show, is written `\\xNN` or `\\uNNNN`."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def put_json(value: object) -> None:
    """Print one JSON object on stdout."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    put(_HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text), raw=True)


def say_findings(findings: Iterable[Finding]) -> None:
    """Say findings on stderr, each with its hint."""
    for finding in findings:
        about = f"{finding.path}: " if finding.path else ""
        say(f"{finding.kind}: {about}{finding.detail}")
        if finding.hint and _talk >= 0:
            _tell(f"  hint: {finding.hint}")


def say_some_findings(findings: Iterable[Finding]) -> None:
    """Say findings; where there are many of one kind, the first of them and how many more the record has."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, found in kinds.items():
        say_findings(found[:_MANY])
        if len(found) > _MANY:
            say(f"{kind}: … and {len(found) - _MANY} more, which the record names")


def show_error(identity: str, message: str, hint: str | None, *, as_json: bool) -> None:
    """Show an error: on stderr as one or two lines, or on stdout as JSON."""
    if as_json:
        put_json({"error": {"id": identity, "message": message, "hint": hint}})
        return
    encoding = sys.stderr.encoding or "utf-8"
    for text in [f"repro: {message}"] + ([f"hint: {hint}"] if hint else []):
        _tell(text.encode(encoding, "backslashreplace").decode(encoding))


def _tell(text: str) -> None:
    """Print on stderr."""
    if _give_way is not None:
        _give_way()
    _write_on_stderr(f"{visible(text)}\n")


def _write_on_stderr(text: str) -> None:
    """Write at once. A reader that has gone, or a log on a full disk, must not end the work that is told of."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as we run


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns; a line break in a cell is shown as `\\n`."""
    if not rows:
        return []
    rows = [[visible(cell).replace("\n", "\\n") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def amount(size: int) -> str:
    """Return a number of bytes for a person: `12 B`, `3.4 kB`, `5.6 GB`; a kB is 1000 bytes."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the loop always returns")
