"""Git's merge driver for pointers: two versions of one made into one, or the words for what a person has to choose."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.actions.sync import remote_of
from repro.code.hook_files import replace_file
from repro.errors import IntegrityError, RemoteError, ReproError
from repro.model.data.content import Kind
from repro.model.data.merge_pointers import PointerConflict, conflict, merge_pointers
from repro.model.data.merge_trees import TreeMerge
from repro.model.data.pointer import Pointer, parse_pointer, render_pointer
from repro.model.names import name_to_text
from repro.model.progress import SILENT, Progress
from repro.project import NoRemote, Project
from repro.store.cache.cache import MissingObject
from repro.store.storages.errors import MissingOnRemote
from repro.store.transfer.transfer import fetch_objects


def merge_pointer(project: Project, base: str, ours: str, theirs: str, path: str, progress: Progress = SILENT) -> None:
    """Merge `theirs` into the file `ours`, as git's `gitattributes(5)` asks of a driver.

    Args:
        project: whose store has the directories.
        base: a file with the version that both come from; empty where each side added the pointer.
        ours: a file with this side's version. It takes the result; where there is a conflict it stays as it is.
        theirs: a file with the other side's version.
        path: where the pointer stands in the project.
        progress: told of what is brought from the default remote, where the store lacks a directory.

    Raises:
        PointerConflict: a person has to choose.
    """
    shown = os.fsencode(path)
    one, two, zero = _read(ours, shown), _read(theirs, shown), _read(base, shown)
    if one is None or two is None:
        raise PointerConflict(
            f"{name_to_text(shown)}: one of the versions is no pointer that can be read",
            f"choose with git checkout --ours or --theirs -- {name_to_text(shown)}",
        )
    cache = project.cache()
    try:
        merged = merge_pointers(zero, one, two, TreeMerge(cache, cache), shown)
    except MissingObject:
        try:
            _bring(project, [pointer for pointer in (zero, one, two) if pointer], progress)
            merged = merge_pointers(zero, one, two, TreeMerge(cache, cache), shown)
        except (MissingObject, MissingOnRemote, NoRemote, RemoteError) as error:
            raise _not_here(conflict(shown, one, two, "both sides changed it"), error) from error
    cache.flush()
    replace_file(ours, render_pointer(merged), 0o666)


def _bring(project: Project, pointers: Sequence[Pointer], progress: Progress) -> None:
    """Bring directories from the default remote: what is merged now is checked out next."""
    remote = remote_of(project, None)
    for pointer in pointers:
        if pointer.content.kind is Kind.DIRECTORY:
            fetch_objects(project.cache(), remote, [pointer.content], 8, progress)


def _not_here(failure: PointerConflict, error: ReproError) -> PointerConflict:
    return PointerConflict(
        f"{failure.message}; the two directories cannot be compared here: {error.message}",
        f"when that is mended, merge again: git merge --abort, then git merge\nhint: or {failure.hint}",
    )


def _read(path: str, shown: bytes) -> Pointer | None:
    with open(path, "rb") as file:
        data = file.read()
    try:
        return parse_pointer(data, shown.rpartition(b"/")[2], name_to_text(shown)) if data else None
    except IntegrityError:  # what a branch has under this name need not be a pointer at all
        return None
