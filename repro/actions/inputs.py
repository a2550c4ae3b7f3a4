"""What a run reads as data: the tracked data that is here, and what was named as input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from repro.actions.tracked import capture_remembered, tracked_data
from repro.data.pointer import Tracked
from repro.errors import CannotProceed, UsageError
from repro.model.data.content import Item
from repro.model.data.tree_objects import KnowingSink
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.names import RelPath, is_within, name_to_text
from repro.project import Project


class InputMissing(CannotProceed):
    """A named input is not there."""

    id = "input-missing"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs as they stand, and what there is to say about them."""

    items: tuple[Item, ...]
    findings: tuple[Finding, ...]


def capture_inputs(project: Project, named: Sequence[RelPath], outputs: Sequence[RelPath], sink: KnowingSink) -> Inputs:
    """Store the inputs of a run that is about to start.

    Args:
        named: paths given by `-i` and `inputs:`.
        outputs: declared outputs; tracked data inside them is no input unless it was named.
        sink: where their objects go.

    Raises:
        InputMissing: a named input is not there.
    """
    findings: list[Finding] = []
    tracked = []
    for entry in tracked_data(project):
        if any(is_within(entry.path, output) for output in outputs):
            continue
        if _is_there(project, entry.path):
            tracked.append(entry)
        else:
            findings.append(_not_here(entry))
    for path in named:
        if not _is_there(project, path):
            shown = name_to_text(path)
            raise InputMissing(f"the input {shown} is not there", "`repro pull` brings tracked data")
    items: list[Item] = []
    pointers = {entry.path: entry.pointer.content for entry in tracked}
    for path in _outermost([*named, *pointers]):
        _refuse_output_inside(path, outputs)
        content, _ = capture_remembered(project, path, sink)
        items.append(Item(path, content))
        if path in pointers and pointers[path] != content:
            findings.append(_changed(path))
    return Inputs(tuple(items), tuple(findings))


def _refuse_output_inside(path: RelPath, outputs: Sequence[RelPath]) -> None:
    """A directory cannot be pinned as an input while a part of it is to be written."""
    inner = next((output for output in outputs if output != path and is_within(output, path)), None)
    if inner is not None:
        raise UsageError(
            f"the output {name_to_text(inner)} lies inside the input {name_to_text(path)}",
            "write it elsewhere, or `repro add` the parts of the input one by one",
        )


def _is_there(project: Project, path: bytes) -> bool:
    return os.path.lexists(os.path.join(os.fsencode(project.root), path))


def _outermost(paths: Iterable[RelPath]) -> list[RelPath]:
    """Return the paths, sorted, without those that lie inside another."""
    kept: list[RelPath] = []
    for path in sorted(set(paths), key=lambda p: p.split(b"/")):
        if not kept or not is_within(path, kept[-1]):
            kept.append(path)
    return kept


def _not_here(entry: Tracked) -> Finding:
    return Finding(
        "data-not-here",
        "is tracked but not in the work tree, so the run cannot have read it",
        path=name_to_text(entry.path),
        hint="`repro pull` brings it",
    )


def _changed(path: bytes) -> Finding:
    return Finding(
        "data-changed",
        "differs from its pointer; the run is recorded with the data as it is",
        path=name_to_text(path),
        hint=f"`repro add {name_to_text(path)}` brings the pointer up to date",
    )
