"""What a rebuild can find: all that rules need to know of comparing."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Of an output: the first five. Of a rebuild: its worst output's, or one of the last two."""

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    CLOSE = "close"
    UNDETERMINED = "undetermined"
    DIFFERENT = "different"
    FAILED = "failed"
    UNBUILDABLE = "unbuildable"
