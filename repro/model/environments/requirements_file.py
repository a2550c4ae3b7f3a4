"""The lines of a requirements file, as pip reads them ("Requirements File Format" of pip's documentation)."""

from __future__ import annotations

from collections.abc import Iterator

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_COMMENT = pattern(r"(?:^|\s+)#.*$")
_INCLUDE = pattern(r"(?:-(?P<short>[rc])\s*|--(?P<long>requirement|constraint)(?:\s+|=))(?P<path>[^\s=].*)")


@dataclass(frozen=True, slots=True)
class Included:
    """Another file that a line names: `path` as it is written, and whether its lines only constrain versions."""

    path: str
    constrains: bool


def included(line: str) -> Included | None:
    """Return the file that `-r FILE` or `-c FILE` names; None of any other line."""
    found = _INCLUDE.fullmatch(line)
    if found is None:
        return None
    return Included(found["path"].strip().strip("'\""), found["short"] == "c" or found["long"] == "constraint")


def requirement_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines without comments, those that a backslash ends as one, and the number of each one's first."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            whole += line.rstrip("\\")
            continue
        stripped = _COMMENT.sub("", whole + (f" {line}" if is_comment else line)).strip()
        if stripped:
            yield first, stripped
        whole, first = "", 0
    if stripped := _COMMENT.sub("", whole).strip():
        yield first, stripped
