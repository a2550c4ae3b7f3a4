"""Whether a target is reached. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.benchmarks.store.timed_steps import Cost


class Metric(StrEnum):
    """What is compared."""

    WALL = "wall"
    PEAK = "peak"
    STORED = "bytes on the remote"
    FILES = "files on the remote"
    GROWTH = "bytes added on the remote"


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one tool; None where there is no remote that can be counted."""

    cost: Cost
    files: int | None = None
    stored: int | None = None
    growth: int | None = None

    def value(self, metric: Metric) -> float | None:
        """Return seconds, bytes or a number of files."""
        match metric:
            case Metric.WALL:
                return self.cost.wall
            case Metric.PEAK:
                return self.cost.peak
            case Metric.STORED:
                return self.stored
            case Metric.FILES:
                return self.files
            case Metric.GROWTH:
                return self.growth


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, and the least and the most."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Target:
    """What `of` must reach: at most `at_most`, or so many times what `beside` takes in the same round."""

    metric: Metric
    at_most: float
    beside: str | None = None
    of: str = "repro"


@dataclass(frozen=True, slots=True)
class Judged:
    """`found` is None where it was not measured."""

    target: Target
    found: Spread | None

    @property
    def passed(self) -> bool | None:
        """Whether the median is good enough; None where nobody knows."""
        return None if self.found is None else self.found.median <= self.target.at_most


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def judge(target: Target, samples: Mapping[str, Sequence[Sample]]) -> Judged:
    """Compare round by round: what else the machine did in a round met both."""
    mine = [sample.value(target.metric) for sample in samples.get(target.of, ())]
    if target.beside is None:
        found = [value for value in mine if value is not None]
    else:
        theirs = [sample.value(target.metric) for sample in samples.get(target.beside, ())]
        pairs = zip(mine, theirs, strict=False)
        found = [one / other for one, other in pairs if one is not None and other]
    return Judged(target, spread(found) if found else None)
