"""Tracked data: its pointers, its paths, and what is remembered of it. `status` imports nothing heavier."""

from __future__ import annotations

from collections.abc import Sequence

from repro.code.pointer_files import pointer_paths
from repro.data.memo import new_memo, opened_memo
from repro.data.pointer import NotTracked, Tracked, read_pointer
from repro.data.unchanged import is_unchanged
from repro.errors import UsageError
from repro.model.data.content import Content
from repro.model.data.tree_objects import KnowingSink
from repro.model.names import RelPath, UnsafePath, check_path, is_within, name_to_text
from repro.model.progress import SILENT, Progress
from repro.project import Project
from repro.store.records.folder import prepare_folder


def tracked_data(project: Project) -> list[Tracked]:
    """Return all pointers of the work tree, sorted by their data's path.

    Raises:
        BadRecord, NewerFormat: one cannot be read.
    """
    found = [read_pointer(project.root, check_path(path)) for path in pointer_paths(project.root)]
    return sorted(found, key=lambda tracked: tracked.path)


def inside(project: Project, path: str) -> RelPath:
    """Return `path` as the user gave it, as a path in the project.

    Raises:
        UsageError: it is the root, or outside, or in a folder that is git's or repro's.
    """
    relative = project.relative(path)
    if relative == b".":
        raise UsageError(f"{path} is the whole project", "name files or directories in it")
    try:
        return check_path(relative)
    except UnsafePath as error:  # that of a record from elsewhere: here a user has only named the wrong path
        raise UsageError(error.message, "name data of your own") from None


def capture_remembered(
    project: Project, path: RelPath, sink: KnowingSink, progress: Progress = SILENT
) -> tuple[Content, int]:
    """Return what stands at `path` and its number of files, reading only what has changed since the last time."""
    from repro.data.capture import capture

    prepare_folder(project.folder)
    with opened_memo(project.memos, path) as memo, new_memo(project.memos, path) as writer:
        captured = capture(project.root, path, sink, memo, progress, project.store_root, writer)
    return captured.content, captured.files


def stands_as(project: Project, path: RelPath, content: Content) -> bool:
    """Whether this content stands at `path`, by what is remembered of it: no means that nobody knows.

    Raises:
        DataNotFound: nothing stands there.
    """
    with opened_memo(project.memos, path) as memo:
        return memo is not None and memo.whole == content and is_unchanged(project.root, path, memo, project.store_root)


def selected(entries: Sequence[Tracked], wanted: Sequence[RelPath]) -> list[Tracked]:
    """Return the entries at or below one of the wanted paths; all of them where none is named.

    Raises:
        NotTracked: a wanted path holds none.
    """
    if not wanted:
        return list(entries)
    found = [entry for entry in entries if any(is_within(entry.path, path) for path in wanted)]
    for path in wanted:
        if not any(is_within(entry.path, path) for entry in entries):
            raise NotTracked(f"{name_to_text(path)} is not tracked", f"`repro add {name_to_text(path)}` tracks it")
    return found
