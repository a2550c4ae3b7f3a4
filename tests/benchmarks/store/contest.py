"""One row: everybody is set up, then takes turns in each round; what was made is removed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.store.data_sets import DataSet, warm
from tests.benchmarks.store.judge import Judged, Sample, judge
from tests.benchmarks.store.rows import Entrant, Row
from tests.benchmarks.store.timed_steps import StepFailed, cost_of
from tests.benchmarks.store.tool import Bucket, Tool, copy_data, link_data, remove

_COPIES = 3
"""Of the data, for each who takes part, with what they store: about as much as they need on the average."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it happens, and with what: `programs` are those that are here. After `ends` no round begins but a first."""

    folder: Path
    scale: float
    rounds: int
    programs: Mapping[str, str]
    say: Callable[[str], None]
    ends: float = float("inf")


@dataclass(frozen=True, slots=True)
class Result:
    """A row's samples by entrant, its targets judged, and who could not take part, with the reason."""

    row: Row
    samples: Mapping[str, Sequence[Sample]]
    judged: tuple[Judged, ...]
    absent: Mapping[str, str]


def hold(row: Row, ground: Ground, bucket: Bucket | None) -> Result:
    """Measure a row. Whoever fails is left out, and said to."""
    place = ground.folder / row.name
    needed = int(_COPIES * len(row.entrants) * row.data.size * ground.scale)
    if needed > shutil.disk_usage(ground.folder).free:
        return Result(
            row,
            {},
            judge_all(row, {}),
            dict.fromkeys((entrant.name for entrant in row.entrants), f"needs {needed >> 30} GiB of disk"),
        )
    absent: dict[str, str] = {}
    samples: dict[str, list[Sample]] = {}
    try:
        tools = _set_up(row, ground, place, bucket, absent)
        for turn in range(ground.rounds):
            if turn and time.monotonic() > ground.ends:
                break
            _play(row, ground, tools, turn, samples, absent)
    finally:
        remove(place)
    return Result(row, samples, judge_all(row, samples), absent)


def _play(
    row: Row,
    ground: Ground,
    tools: dict[str, Tool],
    turn: int,
    samples: dict[str, list[Sample]],
    absent: dict[str, str],
) -> None:
    """Hold one round, and say what it gave."""
    if row.change is not None:
        updating = {entrant.name for entrant in row.entrants if entrant.scenario.grows}
        _change(row.change, [tool.data for name, tool in tools.items() if name in updating], turn)
    told = []
    for entrant in row.entrants:
        tool = tools.get(entrant.name)
        if tool is None or (entrant.rounds is not None and turn >= entrant.rounds):
            continue
        try:
            sample = _measure(entrant, tool)
        except StepFailed as error:
            ground.say(str(error))
            del tools[entrant.name]
            absent[entrant.name] = "failed"
        else:
            samples.setdefault(entrant.name, []).append(sample)
            told.append(f"{entrant.name} {sample.cost.wall:.2f} s")
    ground.say(f"{row.name}: round {turn + 1} of {ground.rounds}: {', '.join(told)}")


def judge_all(row: Row, samples: Mapping[str, Sequence[Sample]]) -> tuple[Judged, ...]:
    """Judge every target of a row."""
    return tuple(judge(target, samples) for target in row.targets)


def _set_up(row: Row, ground: Ground, place: Path, bucket: Bucket | None, absent: dict[str, str]) -> dict[str, Tool]:
    """Give everybody the data, then let everybody begin: a new hard link to a file counts as a change of it."""
    present = [entrant for entrant in row.entrants if _is_here(entrant, ground, absent)]
    tools: dict[str, Tool] = {}
    for number, entrant in enumerate(present):
        tool = entrant.tool(place / str(number), ground.programs, bucket)
        _give_data(tool, _data_for(entrant.data or row.data, row, ground, place), is_changed=row.change is not None)
        tools[entrant.name] = tool
    for entrant in present:
        try:
            entrant.scenario.set_up(tools[entrant.name])
            ground.say(f"{row.name}: {entrant.name} is set up")
        except StepFailed as error:
            ground.say(str(error))
            del tools[entrant.name]
            absent[entrant.name] = "could not be set up"
    return tools


def _is_here(entrant: Entrant, ground: Ground, absent: dict[str, str]) -> bool:
    program = entrant.tool.program
    if program and program not in ground.programs:
        absent[entrant.name] = f"{program} is not here"
        return False
    return True


def _data_for(data: DataSet, row: Row, ground: Ground, place: Path) -> Path:
    """Return the data set, of which a row that changes it has its own copy."""
    made = _made(data, ground)
    if row.change is None:
        return made
    own = place / made.name
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True)
        copy_data(made, own)
    return own


def _made(data: DataSet, ground: Ground) -> Path:
    """Return the data set, which is made for the first row that asks for it."""
    path = ground.folder / f"data-{data.name.replace('/', '-')}"
    if not path.exists():
        ground.say(f"making {data.name}: {data.about}" + (f", {ground.scale:g} of it" if ground.scale != 1 else ""))
        data.make(path, ground.scale)
    return path


def _give_data(tool: Tool, source: Path, *, is_changed: bool) -> None:
    """Give a tool the data by links where nobody would see another's changes: of one file, all see the same."""
    tool.source = source
    if tool.keeps_data and (source.is_file() or not is_changed):
        link_data(source, tool.data)
    else:
        copy_data(source, tool.data)


def _change(change: Callable[[Path, int], None], paths: Sequence[Path], turn: int) -> None:
    """Change everybody's data, but once only what several see."""
    seen = set()
    for path in paths:
        inode = path.stat().st_ino
        if inode not in seen:
            seen.add(inode)
            change(path, turn)


def _measure(entrant: Entrant, tool: Tool) -> Sample:
    entrant.scenario.prepare(tool)
    if not tool.data.exists():
        copy_data(tool.source, tool.data)
    before = tool.stored() if entrant.scenario.grows else None
    warm(tool.data, read=entrant.scenario.reads)
    os.sync()  # what others wrote must not be written while this one is measured
    cost = cost_of(entrant.scenario.steps(tool))
    after = tool.stored() if entrant.scenario.fills else None
    if after is None:
        return Sample(cost)
    if before is not None:
        tool.tidy()
    return Sample(cost, after[0], after[1], after[1] - before[1] if before else None)
