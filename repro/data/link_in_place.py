"""Recorded files of the work tree give way to links to their objects: no second copy on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from repro.data.known_directory import remembered_files
from repro.data.memo import Memo
from repro.data.open_safely import naming, parent_of
from repro.data.rows import Row, look
from repro.data.staging import staging_folder
from repro.data.standing import READ
from repro.model.data.content import ObjectRef
from repro.model.data.links import LINK_FROM, Linker, Way
from repro.model.data.tree_objects import TreeSource
from repro.model.digest import digest_from
from repro.model.names import RelPath, check_path


def link_in_place(
    root: str, path: RelPath, memo: Memo, source: TreeSource, linker: Linker, staging: str | None = None
) -> None:
    """Replace the large files at and below `path` by links to their objects, which must be durable.

    A file that is not what `memo` remembers is left alone, as is one that is such a link already. Where a file system
    makes reflinks, nothing is replaced: the object shares the file's blocks already. Killed half way, each file is the
    old one or a link to the same bytes.

    Args:
        memo: what was recorded of `path`; it is read.
        staging: a folder of the project for links in the making (see `repro.data.staging`).

    Raises:
        UnsafeLink, NotADirectory: a directory on the way has become a link or a file.
        MissingObject, CorruptObject: an object is not what it was.
        OSError: with the path.
    """
    with staging_folder(staging) as workshop:
        for known, row, digest in remembered_files(memo, path):
            if row[2] < LINK_FROM:
                continue
            inner = check_path(known)
            with contextlib.suppress(FileNotFoundError), parent_of(root, inner) as parent:
                before = look(_name(inner), parent)
                ref = ObjectRef(digest_from(digest), row[2])
                is_known = before == row and max(row[3:]) < memo.settled_ns
                if not _is_candidate(_name(inner), parent, ref, before, source, is_known=is_known):
                    continue
                if _replace(inner, parent, ref, before, linker, workshop) is Way.REFLINK:
                    return


def _is_candidate(name: bytes, parent: int, ref: ObjectRef, row: Row, source: TreeSource, *, is_known: bool) -> bool:
    """Whether it is a large file, no link to its object yet, and holds what was recorded."""
    if not stat.S_ISREG(row[0]) or row[0] & stat.S_IXUSR or row[2] != ref.size:
        return False
    if source.is_own_file(ref, name, parent):
        return False
    return is_known or _holds(name, parent, ref, source)


def _replace(
    shown: RelPath, parent: int, ref: ObjectRef, before: Row, linker: Linker, workshop: int | None
) -> Way | None:
    """Return the way in which a link could be made; a reflink does not replace the file."""
    if workshop is None:
        return _replace_from(shown, parent, ref, before, linker, parent)
    try:
        return _replace_from(shown, parent, ref, before, linker, workshop)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _replace_from(shown, parent, ref, before, linker, parent)  # the data is on another file system


def _replace_from(
    shown: RelPath, parent: int, ref: ObjectRef, before: Row, linker: Linker, workshop: int
) -> Way | None:
    temp = f".repro-tmp-{os.urandom(8).hex()}".encode()
    try:
        with naming(shown, "making it a link"):
            way = linker.link(ref, temp, workshop)
            # Once more, after the object was read: who has written meanwhile keeps his file.
            is_left_alone = look(_name(shown), parent) == before
            if way in (Way.HARDLINK, Way.SYMLINK) and is_left_alone:
                os.rename(temp, _name(shown), src_dir_fd=workshop, dst_dir_fd=parent)
            return way
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp, dir_fd=workshop)


def _holds(name: bytes, parent: int, ref: ObjectRef, source: TreeSource) -> bool:
    """Whether the file has the object's bytes: for one whose times are too fresh to tell."""
    descriptor = os.open(name, READ, dir_fd=parent)
    try:
        return source.matches(ref, descriptor)
    finally:
        os.close(descriptor)


def _name(path: RelPath) -> bytes:
    return path.rsplit(b"/", 1)[-1]
