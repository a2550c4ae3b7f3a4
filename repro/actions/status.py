"""How tracked data stands, and which runs are open. Imports little: it is asked often."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from repro.actions.tracked import capture_remembered, inside, selected, tracked_data
from repro.data.memo import opened_memo
from repro.data.pointer import Tracked
from repro.data.scan import DataNotFound, NestedRepository, NotKept, TooDeep
from repro.data.unchanged import is_unchanged
from repro.model.data.data_state import DataState, OpenRun, ProjectStatus, TrackedState
from repro.project import Project


def status(project: Project, paths: Sequence[str] = ()) -> ProjectStatus:
    """Say how tracked data stands (all of it, or what is named), and which runs are open."""
    wanted = [inside(project, path) for path in paths]
    data = [
        TrackedState(entry.path, entry.pointer_path, *_state(project, entry))
        for entry in selected(tracked_data(project), wanted)
    ]
    return ProjectStatus(tuple(data), tuple(_open_runs(project)))


def _state(project: Project, entry: Tracked) -> tuple[DataState, str | None]:
    """Return how an entry stands, and what no record can hold of it: that must not hide how others stand."""
    content = entry.pointer.content
    try:
        with opened_memo(project.memos, entry.path) as memo:
            found = memo.whole if memo and is_unchanged(project.root, entry.path, memo, project.store_root) else None
        if found is None:
            from repro.store.files.digest_only import DigestOnly

            found = capture_remembered(project, entry.path, DigestOnly())[0]
    except DataNotFound:
        here = content.digest is None or project.cache().has(content.digest)
        return DataState.MISSING if here else DataState.LOST, None
    except (NotKept, NestedRepository, TooDeep) as error:
        return DataState.CHANGED, error.message
    return DataState.SAME if found == content else DataState.CHANGED, None


def _open_runs(project: Project) -> Iterator[OpenRun]:
    """Yield the runs that are not sealed: told by the marks of their beginning, so no sealed manifest is read."""
    local = os.path.join(project.folder, "local")
    if not os.path.isdir(local) or not any(name.endswith(".start") for name in os.listdir(local)):
        return
    records = project.records()
    for run in records.open_runs():
        manifest = records.read(run)
        if str(manifest.state) == "open":
            yield OpenRun(run, manifest.name, manifest.observations.created)
