"""How tracked data stands, and what a command did to it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from repro.model.dataclass import dataclass

if TYPE_CHECKING:  # `status` imports this module and must stay light
    from repro.model.data.content import Content
    from repro.model.names import RelPath
    from repro.model.run_id import RunId


class DataState(StrEnum):
    """Of tracked data: as its pointer says, otherwise, not in the work tree, or neither there nor in the store."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class TrackedState:
    """One tracked path and how it stands; `problem` says why it could not be recorded as it stands."""

    path: RelPath
    pointer_path: RelPath
    state: DataState
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is not sealed."""

    run: RunId
    name: str | None
    created: str


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """All that `repro status` says."""

    data: tuple[TrackedState, ...]
    runs: tuple[OpenRun, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """A path that is tracked now; `changed` is whether its pointer is new or another."""

    path: RelPath
    pointer_path: RelPath
    content: Content
    changed: bool


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """A path that was asked for; `changed` is false where it was known that nothing had to be done."""

    path: RelPath
    changed: bool


@dataclass(frozen=True, slots=True)
class Synced:
    """What went to a remote or came from it: sealed runs, objects and their bytes."""

    remote: str
    runs: tuple[RunId, ...] = ()
    objects: int = 0
    bytes: int = 0
