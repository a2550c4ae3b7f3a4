"""Two versions of a pointer that come from one: what a merge makes of them, and what it says where it cannot."""

from __future__ import annotations

from repro.errors import AnswerIsNo
from repro.model.data.content import Content
from repro.model.data.merge_trees import TreeMerge
from repro.model.data.pointer import Pointer
from repro.model.names import name_to_text

_SHOWN = 5


class PointerConflict(AnswerIsNo):
    """Two versions of a pointer cannot be merged: a person has to choose."""

    id = "pointer-conflict"


def merge_pointers(base: Pointer | None, ours: Pointer, theirs: Pointer, merge: TreeMerge, path: bytes) -> Pointer:
    """Return the pointer that has the changes of both.

    Args:
        base: what both come from; None where each side added it.
        ours: this side's.
        theirs: the other side's.
        merge: reads and stores trees.
        path: the pointer file's.

    Raises:
        PointerConflict: both changed the same thing differently.
        MissingObject, CorruptObject, BadTree, UnsafePath: a directory that had to be read.
    """
    before = base.content if base else None
    content = merge.merge(before, ours.content, theirs.content, _data_path(path, ours))
    if merge.conflicts or content is None:
        raise conflict(path, ours, theirs, _reason(merge, ours, theirs))
    if content == theirs.content != ours.content:
        files = theirs.files
    elif content == ours.content or ours.files is None:
        files = ours.files if content == ours.content else None
    else:
        files = ours.files + merge.more_files(ours.content, content)
    rest = theirs.rest if base and ours.rest == base.rest else ours.rest
    return Pointer(ours.name, content, files, rest)


def conflict(path: bytes, ours: Pointer, theirs: Pointer, reason: str) -> PointerConflict:
    """Return the error that says what there is to choose from, and how."""
    pointer, data = name_to_text(path), name_to_text(_data_path(path, ours))
    sides = f"ours is {_shown(ours.content)}, theirs is {_shown(theirs.content)}"
    choose = f"git checkout --{{}} -- {_word(pointer)} && repro checkout {_word(data)} && git add {_word(pointer)}"
    return PointerConflict(
        f"{pointer}: {reason}; {sides}",
        f"keep ours: {choose.format('ours')}\nhint: take theirs: {choose.format('theirs')}\n"
        f"hint: or mix them: take theirs, change {data}, then: repro add {_word(data)} && git add {_word(pointer)}",
    )


def _reason(merge: TreeMerge, ours: Pointer, theirs: Pointer) -> str:
    paths = merge.conflicts
    if len(paths) == 1 and paths[0] == ours.name:
        return "both sides changed it"
    shown = ", ".join(name_to_text(path) for path in paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")
    return f"both sides changed {shown}"


def _data_path(path: bytes, pointer: Pointer) -> bytes:
    folder, slash, _ = path.rpartition(b"/")
    return folder + slash + pointer.name


def _shown(content: Content) -> str:
    what = content.digest or f"a link to {name_to_text(content.target or b'')}"
    return f"{what} ({content.kind}, {content.size} bytes)"


def _word(text: str) -> str:
    """Return text as one word for a shell."""
    import shlex

    return shlex.quote(text)
