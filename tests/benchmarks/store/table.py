"""Results as text for a person, as Markdown for the documentation, as JSON for a program. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.benchmarks.store.contest import Result
from tests.benchmarks.store.judge import Judged, Metric, Sample, Spread, Target, judge, spread
from tests.benchmarks.store.rows import MEMORY
from tests.benchmarks.store.timed_steps import Cost

_COUNTED = (Metric.FILES, Metric.STORED, Metric.GROWTH)


def as_markdown(results: Sequence[Result], machine: str) -> str:
    """Return two tables: what is to be reached and what was, and all that was measured."""
    memory = judge(Target(Metric.PEAK, MEMORY), {"repro": [Sample(Cost(0, 0, 0, peak)) for peak in _peaks(results)]})
    lines = [machine, "", "| work | to reach | reached | |", "|---|---|---|---|"]
    for result in results:
        for number, judged in enumerate(result.judged):
            lines.append(_reached(result.row.work if number == 0 else "", judged))
    lines.append(_reached("peak memory of repro, the most of all", memory))
    lines += ["", "| work | | wall | CPU | peak memory | on the remote |", "|---|---|---|---|---|---|"]
    for result in results:
        lines += _measured(result)
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[Result], machine: str) -> dict[str, Any]:
    """Return plain values: every sample, and what was judged."""
    return {"machine": machine, "rows": [_row(result) for result in results]}


def told(result: Result) -> str:
    """Return one row for the terminal."""
    lines = [f"{result.row.work} ({result.row.name})"]
    for name, samples in result.samples.items():
        lines.append(f"  {name:22} {', '.join(cell for cell in _cells(samples) if cell)}")
    lines += [f"  {name:22} {reason}" for name, reason in result.absent.items()]
    for judged in result.judged:
        lines.append(f"  {_verdict(judged)}: {_goal(judged.target)}: {_found(judged)}")
    return "\n".join(lines) + "\n"


def _reached(work: str, judged: Judged) -> str:
    return f"| {work} | {_goal(judged.target)} | {_found(judged)} | {_verdict(judged)} |"


def _peaks(results: Sequence[Result]) -> list[int]:
    """Return the most memory that repro took, if it was measured at all."""
    peaks = [
        sample.cost.peak
        for result in results
        for name, samples in result.samples.items()
        if name.startswith("repro")
        for sample in samples
    ]
    return [max(peaks)] if peaks else []


def _measured(result: Result) -> Iterator[str]:
    work = result.row.work
    for name, samples in result.samples.items():
        wall, cpu, peak, remote = _cells(samples)
        yield f"| {work} | {name} | {wall} | {cpu} | {peak} | {remote} |"
        work = ""
    for name, reason in result.absent.items():
        yield f"| {work} | {name} | {reason} | | | |"
        work = ""


def _cells(samples: Sequence[Sample]) -> tuple[str, str, str, str]:
    wall = spread([sample.cost.wall for sample in samples])
    cpu = spread([sample.cost.user + sample.cost.system for sample in samples])
    peak = spread([sample.cost.peak for sample in samples])
    counted = []
    for metric in _COUNTED:
        values = [value for sample in samples if (value := sample.value(metric)) is not None]
        if values:
            counted.append(_amount(spread(values).median, metric) + (" more" if metric is Metric.GROWTH else ""))
    how_far = f"{_seconds(wall.least)} to {_seconds(wall.most)}" if len(samples) > 1 else "one round"
    return (
        f"{_seconds(wall.median)} ({how_far})",
        _seconds(cpu.median),
        f"{peak.median / 1e6:.0f} MB",
        ", ".join(counted),
    )


def _goal(target: Target) -> str:
    if target.beside is None:
        return f"{target.metric}: at most {_amount(target.at_most, target.metric)}"
    return f"{target.metric}: at most {target.at_most:g} x {target.beside}"


def _found(judged: Judged) -> str:
    if judged.found is None:
        return "not measured"
    return _range(judged.found, judged.target)


def _range(found: Spread, target: Target) -> str:
    def shown(value: float) -> str:
        return f"{value:.2f} x" if target.beside else _amount(value, target.metric)

    return f"{shown(found.median)} ({shown(found.least)} to {shown(found.most)})"


def _verdict(judged: Judged) -> str:
    return {None: "unknown", True: "reached", False: "missed"}[judged.passed]


def _amount(value: float, metric: Metric) -> str:
    match metric:
        case Metric.WALL:
            return _seconds(value)
        case Metric.FILES:
            return f"{value:,.0f} files"
        case _:
            return f"{value / 1e6:.2f} MB" if value < 1e7 else f"{value / 1e6:,.0f} MB"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _row(result: Result) -> dict[str, Any]:
    return {
        "row": result.row.name,
        "work": result.row.work,
        "data": result.row.data.about,
        "samples": {name: [_sample(sample) for sample in samples] for name, samples in result.samples.items()},
        "absent": dict(result.absent),
        "targets": [
            {
                "metric": judged.target.metric,
                "of": judged.target.of,
                "beside": judged.target.beside,
                "at_most": judged.target.at_most,
                "median": judged.found and judged.found.median,
                "least": judged.found and judged.found.least,
                "most": judged.found and judged.found.most,
                "passed": judged.passed,
            }
            for judged in result.judged
        ],
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "wall_s": sample.cost.wall,
        "user_s": sample.cost.user,
        "system_s": sample.cost.system,
        "peak_bytes": sample.cost.peak,
        "files": sample.files,
        "bytes": sample.stored,
        "bytes_added": sample.growth,
    }
