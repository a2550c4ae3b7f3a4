"""Git's merge driver for pointers: two versions of one made into one, or the words for what a person has to choose."""

from __future__ import annotations

import os

from repro.code.hook_files import replace_file
from repro.errors import IntegrityError
from repro.model.merge_pointers import PointerConflict, conflict, merge_pointers
from repro.model.merge_trees import TreeMerge
from repro.model.names import name_to_text
from repro.model.pointer import Pointer, parse_pointer, render_pointer
from repro.project import Project
from repro.store.cache import MissingObject


def merge_pointer(project: Project, base: str, ours: str, theirs: str, path: str) -> None:
    """Merge `theirs` into the file `ours`, as git's `gitattributes(5)` asks of a driver.

    Args:
        project: whose store has the directories.
        base: a file with the version that both come from; empty where each side added the pointer.
        ours: a file with this side's version. It takes the result; where there is a conflict it stays as it is.
        theirs: a file with the other side's version.
        path: where the pointer stands in the project.

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
    except MissingObject as error:
        reason = f"both sides changed the directory, and the store lacks what it takes to compare ({error.message})"
        failure = conflict(shown, one, two, reason)
        hint = f"get it, and merge again: git merge --abort && repro fetch\nhint: or {failure.hint}"
        raise PointerConflict(failure.message, hint) from error
    cache.flush()
    replace_file(ours, render_pointer(merged), 0o666)


def _read(path: str, shown: bytes) -> Pointer | None:
    with open(path, "rb") as file:
        data = file.read()
    try:
        return parse_pointer(data, shown.rpartition(b"/")[2], name_to_text(shown)) if data else None
    except IntegrityError:  # what a branch has under this name need not be a pointer at all
        return None
