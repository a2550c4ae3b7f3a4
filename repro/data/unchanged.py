"""Whether tracked data stands as it is remembered, by `lstat` alone: no file is read, nothing hashed."""

from __future__ import annotations

import os
import stat

from repro.data.memo import Memo
from repro.data.memo_records import BadMemo, read_closing, read_part
from repro.data.open_safely import parent_of
from repro.data.scan import Part, StoreRoot, enter, list_directory, look_at
from repro.model.names import RelPath


def is_unchanged(root: str, path: RelPath, memo: Memo, store: StoreRoot | None = None) -> bool:
    """Whether nothing at `path` has changed since `memo` was made. The memo is read, so it is good for one answer.

    Raises:
        DataNotFound, NotKept, TooDeep, UnsafeLink, OSError: as `repro.data.capture.capture`.
    """
    with parent_of(root, path) as parent:
        name = path.rsplit(b"/", 1)[-1]
        part = look_at(name, parent, path, store)
        try:
            return _is_same(part, memo) and (
                part.modes != {stat.S_IFDIR} or _is_same_directory(name, parent, path, 0, memo, store)
            )
        except BadMemo:
            return False


def _is_same(part: Part, memo: Memo) -> bool:
    known = read_part(memo.file)
    return known.is_last == part.is_last and part.is_same_as(known, memo.settled_ns)


def _is_same_directory(name: bytes, parent: int, shown: bytes, depth: int, memo: Memo, store: StoreRoot | None) -> bool:
    folders: list[bytes] = []
    descriptor = enter(name, parent, shown, depth)
    try:
        for part in list_directory(descriptor, shown, store):
            if not _is_same(part, memo):
                return False
            folders += part.folders()
        for folder in folders:
            if not _is_same_directory(folder, descriptor, shown + b"/" + folder, depth + 1, memo, store):
                return False
    finally:
        os.close(descriptor)
    read_closing(memo.file)
    return True
