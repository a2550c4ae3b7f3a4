"""How far a run has come."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """A snapshot that is still to be sealed; sealed after success; sealed after failure."""

    OPEN = "open"
    COMPLETE = "complete"
    FAILED = "failed"
