"""Run ids and the ways to say which run is meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NewType

from repro.errors import CannotProceed, IntegrityError, UsageError
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, hex_of
from repro.model.pattern import pattern

if TYPE_CHECKING:
    from datetime import datetime

RunId = NewType("RunId", str)
"""`20261123-021300-7f3kq2mz`: UTC time, and 8 characters of the recipe id in lower-case base32."""

_RUN_ID = pattern(r"[0-9]{8}-[0-9]{6}-[a-z2-7]{8}")
_LAST = pattern(r"@last(?:~([0-9]{1,9}))?")


class BadRunId(IntegrityError):
    """A record names a run by something that is not a run id."""

    id = "bad-run-id"


class NoSuchRun(CannotProceed):
    """No run is called that."""

    id = "no-such-run"


class AmbiguousRun(CannotProceed):
    """More than one run is called that."""

    id = "ambiguous-run"


@dataclass(frozen=True, slots=True)
class RunName:
    """What a run can be found by."""

    run: RunId
    name: str | None = None


def is_run_id(text: str) -> bool:
    """Whether `text` is a full run id."""
    return _RUN_ID.fullmatch(text) is not None


def parse_run_id(text: str) -> RunId:
    """Return `text` as a run id.

    Raises:
        BadRunId: it is none.
    """
    if not _RUN_ID.fullmatch(text):
        raise BadRunId(f"{text!r} is not a run id (like 20261123-021300-7f3kq2mz)")
    return RunId(text)


def check_run_name(name: str) -> str:
    """Return a name given to a run, if the run can be asked for by it.

    Raises:
        UsageError: it is empty, has a line break or another control character, or would be read as something else.
    """
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is no name for a run", "a name is one line of text")
    if name.startswith(("@", "-")) or _RUN_ID.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a run: it would be read as something else", "begin with a letter")
    return name


def make_run_id(now: datetime, recipe: Digest, taken: Collection[str]) -> RunId:
    """Return the id of a run that starts at `now` (any time zone) and is not among the ids `taken`.

    Where a run of that second exists, the next free second is taken: ids of one project sort by their start.
    """
    import base64
    from datetime import UTC, timedelta

    tail = base64.b32encode(bytes.fromhex(hex_of(recipe))[:5]).decode().lower()
    seconds = {run[:15] for run in taken}
    moment = now.astimezone(UTC)
    while (stamp := moment.strftime("%Y%m%d-%H%M%S")) in seconds:
        moment += timedelta(seconds=1)
    return RunId(f"{stamp}-{tail}")


def select_run(text: str, runs: Sequence[RunName]) -> RunId:
    """Return the run that `text` means: an id, a unique part of one, `@last`, `@last~1`, or a name.

    A whole id or name wins over a part.

    Raises:
        NoSuchRun: nothing matches.
        AmbiguousRun: several match; the message lists them.
    """
    newest_first = sorted(runs, key=lambda r: r.run, reverse=True)
    last = _LAST.fullmatch(text)
    if last:
        return _nth(text, int(last[1] or 0), newest_first)
    exact = [r for r in newest_first if text in (r.run, r.name)]
    found = exact or [r for r in newest_first if text and text in r.run]
    if not found:
        raise NoSuchRun(f"no run is called {text!r}", _known(newest_first))
    if len(found) > 1:
        shown = ", ".join(_shown(r) for r in found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
        raise AmbiguousRun(f"{text!r} may be any of {len(found)} runs: {shown}", "say more of the id")
    return found[0].run


def _nth(text: str, index: int, newest_first: Sequence[RunName]) -> RunId:
    if index >= len(newest_first):
        count = len(newest_first)
        raise NoSuchRun(f"{text} asks for run {index + 1} from the end; there are {count}", _known(newest_first))
    return newest_first[index].run


def _known(newest_first: Sequence[RunName]) -> str:
    if not newest_first:
        return "`repro run -- COMMAND` records one; `repro fetch RUN` brings one from a remote"
    return "`repro log` lists them; the newest is " + _shown(newest_first[0])


def _shown(run: RunName) -> str:
    return f"{run.run} ({run.name})" if run.name else run.run
