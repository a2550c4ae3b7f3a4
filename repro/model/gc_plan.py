"""What a gc does with each pack and file, and how long it waits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from repro.errors import UsageError
from repro.model.live_records import PackUse
from repro.model.pack import PACK_HEADER

DEFAULT_GRACE = 14 * 86400.0
"""Seconds; git's own, for the same reason: longer than any work that has stored something and not yet recorded it."""

_REWRITE_BELOW = 0.5  # of a pack's bytes: to write the needed half again costs no more than the other half gives back
_TIME = re.compile(r"(\d{1,6})\s*(d|h|min|s)?")
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, None: 1.0}


class Fate(StrEnum):
    """What happens to a pack: it stays, what is needed of it is written again elsewhere, or it goes."""

    KEEP = "keep"
    REWRITE = "rewrite"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Amount:
    """Some objects, packs or files, and their bytes."""

    count: int = 0
    bytes: int = 0

    def plus(self, count: int, size: int) -> Amount:
        """Return the sum."""
        return Amount(self.count + count, self.bytes + size)


def fate_of(use: PackUse) -> Fate:
    """Return what happens to a pack that nobody is at work with."""
    if not use.records:
        return Fate.DROP
    return Fate.REWRITE if use.live < _REWRITE_BELOW * (use.length - len(PACK_HEADER)) else Fate.KEEP


def in_grace(changed: float, now: float, grace: float) -> bool:
    """Whether what was stored or used at `changed` stays; all in seconds, both times by one clock. What is of the
    future stays: a clock that was wrong tells nothing about age."""
    return changed > now - grace


def parse_grace(text: str) -> float:
    """Return a time like `14d`, `36h`, `90min`, `0` in seconds.

    Raises:
        UsageError: it is none.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{text!r} is no length of time", "for example: 14d, 36h, 90min, 0")
    return int(match[1]) * _SECONDS[match[2]]
