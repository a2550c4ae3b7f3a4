"""What a gc does with each pack and file, and how long it waits."""

from __future__ import annotations

from enum import StrEnum

from repro.errors import UsageError
from repro.model.dataclass import dataclass, field
from repro.model.finding import Finding
from repro.model.packs.live_records import PackUse
from repro.model.pattern import pattern

DEFAULT_GRACE = 14 * 86400.0
"""Seconds; git's own, for the same reason: longer than any work that has stored something and not yet recorded it."""

_TIME = pattern(r"(\d{1,6})\s*(d|h|min|s)?")
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, None: 1.0}


class Fate(StrEnum):
    """What happens to a pack: it stays, what is needed of it is written again elsewhere, or it goes."""

    KEEP = "keep"
    REWRITE = "rewrite"
    DROP = "drop"


@dataclass(slots=True)
class Garbage:
    """What a gc found, in bytes as they are stored.

    `garbage_bytes` is all that nothing needs; of it `deletable_bytes` are older than the grace period, and
    `deleted_bytes` are gone. `condemned_bytes` will be, a grace period later (remotes only).
    """

    needed_objects: int = 0
    needed_bytes: int = 0
    garbage_bytes: int = 0
    deletable_bytes: int = 0
    deleted_bytes: int = 0
    condemned_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def fate_of(use: PackUse) -> Fate:
    """Return what happens to a pack that nobody is at work with.

    To write again what is needed must not cost more than the rest gives back.
    """
    if not use.records:
        return Fate.DROP
    return Fate.REWRITE if use.live < use.dead else Fate.KEEP


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
