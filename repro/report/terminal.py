"""Talk on stderr, data on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every command imports this module
    from repro.model.finding import Finding

_talk = 0  # -1: errors only, 0: as usual, 1: more


def set_talk(level: int) -> None:
    """Say how much is said: -1 errors only, 0 as usual, 1 more."""
    global _talk
    _talk = level


def say(text: str, level: int = 0) -> None:
    """Say a line on stderr, if as much talk is wanted."""
    if level <= _talk:
        _tell(f"repro: {text}")


def put(text: str) -> None:
    """Print a line of data on stdout; what a terminal's encoding cannot show is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def put_json(value: object) -> None:
    """Print one JSON object on stdout."""
    import json

    put(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def say_findings(findings: Iterable[Finding]) -> None:
    """Say findings on stderr, each with its hint."""
    for finding in findings:
        about = f"{finding.path}: " if finding.path else ""
        say(f"{finding.kind}: {about}{finding.detail}")
        if finding.hint and _talk >= 0:
            _tell(f"  hint: {finding.hint}")


def show_error(identity: str, message: str, hint: str | None, *, as_json: bool) -> None:
    """Show an error: on stderr as one or two lines, or on stdout as JSON."""
    if as_json:
        put_json({"error": {"id": identity, "message": message, "hint": hint}})
        return
    encoding = sys.stderr.encoding or "utf-8"
    for text in [f"repro: {message}"] + ([f"hint: {hint}"] if hint else []):
        _tell(text.encode(encoding, "backslashreplace").decode(encoding))


def _tell(text: str) -> None:
    """Print on stderr. A reader that has gone, or a log on a full disk, must not end the work that is told of."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as we run


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    if not rows:
        return []
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
