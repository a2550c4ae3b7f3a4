"""After git has changed pointers: the data that they stand for, but never over what was changed here."""

from __future__ import annotations

from collections.abc import Sequence

from repro.actions.track_data import checkout
from repro.actions.tracked import capture_remembered, stands_as, tracked_data
from repro.code.committed_pointers import files_at
from repro.data.pointer import Tracked
from repro.data.scan import DataNotFound
from repro.errors import ReproError
from repro.model.data.content import Content, Item
from repro.model.data.data_state import CheckedOut
from repro.model.data.pointer import parse_pointer
from repro.model.dataclass import dataclass
from repro.model.names import RelPath
from repro.model.progress import SILENT, Progress
from repro.project import Project
from repro.store.cache.cache import MissingObject
from repro.store.files.digest_only import DigestOnly


@dataclass(frozen=True, slots=True)
class Brought:
    """What was brought, what was left because it had been changed here, and what the store does not have."""

    done: tuple[CheckedOut, ...] = ()
    left: tuple[RelPath, ...] = ()
    absent: tuple[RelPath, ...] = ()


def bring_changed(project: Project, before: Sequence[str], progress: Progress = SILENT) -> Brought:
    """Check out the data whose pointers are others than in the commit where git came from.

    Data is replaced where it stands as a pointer of one of the commits said, and made where such a commit had no
    pointer and nothing stands. Data that was not there stays away, and data that is otherwise was changed here.

    Args:
        project: where.
        before: the commits that the work tree may have been at, none of which need be in the repository.
        progress: told of what is checked out.

    Raises:
        BadRecord, BadYaml, NewerFormat: a pointer of the work tree cannot be read.
        CorruptObject, BadTree, UnsafeLink: what is stored, or the way to it, is not safe.
    """
    entries = tracked_data(project)
    committed = files_at(project.root, before, [entry.pointer_path for entry in entries])
    done, left, absent = [], [], []
    for entry in entries:
        olds = _contents(entry, [files.get(entry.pointer_path) for files in committed])
        if all(old == entry.pointer.content for old in olds):
            continue
        wanted = _is_wanted(project, entry, olds)
        if wanted is False:
            left.append(entry.path)
        elif wanted:
            try:
                done += checkout(project, [Item(entry.path, entry.pointer.content)], link=True, progress=progress)
            except MissingObject:
                absent.append(entry.path)
    return Brought(tuple(one for one in done if one.changed), tuple(left), tuple(absent))


def _contents(entry: Tracked, files: Sequence[bytes | None]) -> list[Content | None]:
    """Return what an older pointer's data was; None where there was no pointer, or none that can be read."""
    found: list[Content | None] = []
    for data in files:
        try:
            found.append(None if data is None else parse_pointer(data, None, "an older pointer").content)
        except ReproError:  # whatever was committed there, it says nothing about the data here
            found.append(None)
    return found


def _is_wanted(project: Project, entry: Tracked, olds: Sequence[Content | None]) -> bool | None:
    """Whether data is to be brought: yes; None: it is there, or was not wanted here before; no: it was changed here."""
    content = entry.pointer.content
    try:
        if stands_as(project, entry.path, content):
            return None
        found = capture_remembered(project, entry.path, DigestOnly())[0]
    except DataNotFound:
        return True if None in olds else None
    if found == content:
        return None
    return found in olds
