"""Regular expressions that are compiled when they are first used.

A module's expressions are compiled where it is imported, which takes a tenth of the time of a small command that uses
few of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any


class _Pattern:
    """What is asked of it is a compiled pattern's; a method is found at once from the second time on."""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self._asked_for = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._asked_for)  # type: ignore[type-var]
        for method in ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


if TYPE_CHECKING:
    from re import compile as pattern
else:
    pattern = _Pattern

__all__ = ["pattern"]
