"""What ran, what one run was, what changed between two."""

from __future__ import annotations

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.record import NewerFormat
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.run_diff import Difference, diff_runs
from repro.project import Project


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run and what its rebuilds found, oldest first."""

    manifest: Manifest
    rebuilds: tuple[RebuildRecord, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """Runs, the newest first, how many older ones were left out, and which cannot be read.

    `exit_code` is 0, or that of the worst reason for which one cannot.
    """

    runs: tuple[RunHistory, ...]
    left_out: int
    unread: tuple[Finding, ...]
    exit_code: int


def log(project: Project, limit: int) -> Log:
    """Return the newest `limit` runs; 0 is all. One that cannot be read does not hide the others."""
    records = project.records()
    newest = records.run_ids()[::-1]
    shown = newest[:limit] if limit else newest
    runs, unread = [], []
    code = 0
    for run in shown:
        try:
            runs.append(RunHistory(records.read(run), tuple(records.rebuilds(run))))
        except (IntegrityError, NewerFormat) as error:
            unread.append(Finding(error.id, error.message, run=run, hint=error.hint))
            code = max(code, error.exit_code)
    return Log(tuple(runs), len(newest) - len(shown), tuple(unread), code)


def show(project: Project, text: str) -> RunHistory:
    """Return the run that `text` means.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
    """
    records = project.records()
    run = records.select(text)
    return RunHistory(records.read(run), tuple(records.rebuilds(run)))


def diff(project: Project, one: str, two: str) -> tuple[Manifest, Manifest, tuple[Difference, ...]]:
    """Return two runs and what differs between them.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
    """
    records = project.records()
    first, second = records.read(records.select(one)), records.read(records.select(two))
    return first, second, diff_runs(first, second)


def code_patch(project: Project, one: Manifest, two: Manifest) -> bytes:
    """Return the change of the code between two runs, as git's patch.

    Raises:
        MissingCommit: the repository does not have a run's commit.
    """
    from repro.code.changes import unified_diff

    return unified_diff(project.root, one.code.commit, two.code.commit)
