"""The rows: what is done with which data by whom, and what repro is to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.store.data_sets import (
    D1,
    D2,
    D2_TENTH,
    D3,
    MILLION,
    SMALL_FILES,
    SMALL_FILES_TENTH,
    DataSet,
    change_ten_files,
    insert_byte,
)
from tests.benchmarks.store.judge import Metric, Target
from tests.benchmarks.store.peers_for_backups import Borg, Restic
from tests.benchmarks.store.peers_with_a_store import Dvc, GitAnnex, GitLfs, LinkingDvc
from tests.benchmarks.store.scenarios import ADD, ADD_AND_PUSH, BACK_UP, BRING, PUSH, STATUS, UPDATE, Scenario
from tests.benchmarks.store.tool import Tool
from tests.benchmarks.store.tool_repro import LinkingRepro, Repro
from tests.benchmarks.store.yardsticks import Copy, CopyToDisk, Hash, Walk, Zstd


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who takes part, in what. `data` where it is other data than the row's; `rounds` where it takes part in fewer."""

    tool: type[Tool]
    scenario: Scenario
    label: str = ""
    data: DataSet | None = None
    rounds: int | None = None

    @property
    def name(self) -> str:
        """How it is called in the table and by targets."""
        return self.label or self.tool.name


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `change` is done to everybody's data before each round."""

    name: str
    work: str
    data: DataSet
    entrants: tuple[Entrant, ...]
    targets: tuple[Target, ...]
    change: Callable[[Path, int], None] | None = None
    in_bucket: bool = False


def _all(scenario: Scenario, *tools: type[Tool]) -> tuple[Entrant, ...]:
    return tuple(Entrant(tool, scenario) for tool in tools)


def _once(scenario: Scenario, *tools: type[Tool]) -> tuple[Entrant, ...]:
    """Who would take most of the hours: a figure to stand beside ours, of the first round."""
    return tuple(Entrant(tool, scenario, rounds=1) for tool in tools)


MEMORY = 200_000_000
_MIB = 1 << 20

ROWS = (
    Row(
        "add-d1-link",
        "`add` D1, hard link",
        D1,
        (*_all(ADD, LinkingRepro, Hash), *_once(ADD, LinkingDvc, GitAnnex)),
        (Target(Metric.WALL, 1.3, "BLAKE3", "repro, hard links"),),
    ),
    Row(
        "add-d1-copy",
        "`add` D1, copy",
        D1,
        (*_all(ADD, Repro, Copy, CopyToDisk), *_once(ADD, Dvc)),
        (Target(Metric.WALL, 1.2, "cp"), Target(Metric.WALL, 1.2, "cp and fsync")),
    ),
    Row(
        "push-d1",
        "`push` D1 to a directory",
        D1,
        (*_all(PUSH, Repro, Copy, CopyToDisk), *_once(PUSH, Dvc)),
        (Target(Metric.WALL, 2.0, "cp"), Target(Metric.WALL, 2.0, "cp and fsync")),
    ),
    Row(
        "insert-d1",
        "one byte inserted in the middle of D1: `add` and `push`",
        D1,
        (Entrant(Repro, UPDATE), *_once(UPDATE, Restic, Borg)),
        (Target(Metric.GROWTH, 2 * _MIB),),
        change=insert_byte,
    ),
    Row(
        "add-d2",
        "`add` D2",
        D2,
        _all(ADD, Repro, Copy),
        (Target(Metric.WALL, 0.5, "cp"),),
    ),
    Row(
        "status-d2",
        "`status`, nothing changed, D2",
        D2,
        _all(STATUS, Repro, Walk),
        (Target(Metric.WALL, 2.0, "scandir + stat"),),
    ),
    Row(
        "push-d2",
        "`add` and `push` D2 to a directory, together",
        D2,
        (Entrant(Repro, ADD_AND_PUSH), Entrant(Restic, BACK_UP), *_once(BACK_UP, Borg), *_once(ADD_AND_PUSH, Dvc)),
        (
            Target(Metric.WALL, 0.7, "restic"),
            Target(Metric.WALL, 0.1, "DVC"),
            Target(Metric.FILES, 40),
        ),
    ),
    Row(
        "change-d2",
        "10 of D2's files changed: `add` and `push`",
        D2,
        (Entrant(Repro, UPDATE), *_once(UPDATE, Restic, Borg), Entrant(Repro, STATUS, "repro status")),
        (Target(Metric.GROWTH, _MIB), Target(Metric.WALL, 2.0, "repro status")),
        change=change_ten_files,
    ),
    Row(
        "bring-d2",
        "`fetch` and `checkout` D2 in a fresh place",
        D2,
        (*_all(BRING, Repro, Copy), *_once(BRING, Restic, Borg)),
        (Target(Metric.WALL, 1.2, "cp"), *(Target(Metric.WALL, 1.0, peer) for peer in ("restic", "borg"))),
    ),
    Row(
        "push-s3",
        "`push` D2 to the S3 server",
        D2,
        (Entrant(Repro, PUSH), Entrant(Restic, BACK_UP)),
        (Target(Metric.WALL, 1.0, "restic"),),
        in_bucket=True,
    ),
    Row(
        "text-d3",
        "D3 on the remote",
        D3,
        (Entrant(Repro, ADD_AND_PUSH), *_once(BACK_UP, Restic, Borg, Zstd)),
        (Target(Metric.STORED, 1.05, "restic"), Target(Metric.STORED, 1.05, "zstd -3")),
    ),
    Row(
        "memory-d2",
        "peak memory of `add` and `push`, D2 beside a tenth of it",
        D2,
        (Entrant(Repro, ADD_AND_PUSH), Entrant(Repro, ADD_AND_PUSH, "repro, a tenth", D2_TENTH)),
        (Target(Metric.PEAK, MEMORY), Target(Metric.PEAK, 1.25, "repro, a tenth")),
    ),
    *(
        Row(
            f"memory-million{name}",
            f"peak memory of {work}, 1,000,000 files of 1 KiB beside a tenth of them",
            SMALL_FILES,
            (Entrant(Repro, scenario), Entrant(Repro, scenario, "repro, a tenth", SMALL_FILES_TENTH)),
            (Target(Metric.PEAK, MEMORY), Target(Metric.PEAK, 1.25, "repro, a tenth")),
        )
        for name, work, scenario in (
            ("", "`add` and `push`", ADD_AND_PUSH),
            ("-bring", "`fetch` and `checkout`", BRING),
        )
    ),
    Row(
        "push-s3-tenth",
        "`push` a tenth of D2 to the S3 server",
        D2_TENTH,
        (*_all(PUSH, Repro), *_once(PUSH, Dvc), Entrant(Restic, BACK_UP)),
        (Target(Metric.WALL, 0.05, "DVC"), Target(Metric.WALL, 1.0, "restic")),
        in_bucket=True,
    ),
    Row(
        "status-million",
        "`status`, nothing changed, 1,000,000 files beside D2",
        MILLION,
        (Entrant(Repro, STATUS), Entrant(Repro, STATUS, "repro, D2", D2), Entrant(Walk, STATUS)),
        (Target(Metric.WALL, 10.0, "repro, D2"), Target(Metric.WALL, 2.0, "scandir + stat")),
    ),
    Row(
        "push-tenth",
        "`add` and `push` a tenth of D2 to a directory, together",
        D2_TENTH,
        (Entrant(Repro, ADD_AND_PUSH), *_once(ADD_AND_PUSH, Dvc, GitLfs, GitAnnex)),
        (),
    ),
    Row(
        "bring-tenth",
        "`fetch` and `checkout` a tenth of D2 in a fresh place",
        D2_TENTH,
        (Entrant(Repro, BRING), *_once(BRING, Dvc, GitLfs)),
        tuple(Target(Metric.WALL, 1.0, peer) for peer in ("DVC", "git-lfs")),
    ),
)
