"""The walk over a tracked path: what stands where, with its `lstat`, and a clear no to what is not data."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from repro.data.open_safely import link_target, naming, open_directory
from repro.errors import CannotProceed
from repro.model.content import Kind
from repro.model.links import object_named_by
from repro.model.names import is_git_name, name_to_text
from repro.model.tree import MAX_DEPTH

StoreRoot = Callable[[], str]
"""Says where the project's store is: asked only where a link leads into a store, as it may cost reading settings."""


class NotKept(CannotProceed):
    """A fifo, socket or device: no bytes that could be kept."""

    id = "not-kept"


class NestedRepository(CannotProceed):
    """A `.git` inside a directory that is to be tracked as data."""

    id = "nested-repository"


class TooDeep(CannotProceed):
    """Directories are nested deeper than a record may hold."""

    id = "too-deep"


class DataNotFound(CannotProceed):
    """Nothing stands at a path that is to be recorded."""

    id = "data-not-found"


@dataclass(frozen=True, slots=True)
class Found:
    """One name in a directory: its kind and what `lstat` says.

    A symlink to an object of the project's store is the file that it stands for: `object` is then the object's path,
    and kind and `lstat` are the object's.
    """

    name: bytes
    kind: Kind
    stat: os.stat_result
    object: bytes | None = None


def look_at(name: bytes, parent: int, shown: bytes, store: StoreRoot | None = None) -> Found:
    """Return what stands at `name` in the open directory `parent`.

    Raises:
        DataNotFound: nothing stands there, or a link to an object that the store lacks.
        NotKept: it is a fifo, socket or device.
    """
    try:
        with naming(shown, "looking at it"):
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        raise DataNotFound(f"there is nothing at {name_to_text(shown)}") from None
    return _found(name, found, parent, shown, store)


def list_directory(descriptor: int, shown: bytes, store: StoreRoot | None = None) -> list[Found]:
    """Return what stands in an open directory, sorted by name.

    Raises:
        DataNotFound: it holds a link to an object that the store lacks.
        NotKept, NestedRepository: it holds what cannot be tracked.
    """
    with naming(shown, "listing it"):
        entries = [(os.fsencode(entry.name), entry) for entry in os.scandir(descriptor)]
    entries.sort(key=lambda pair: pair[0])
    found = []
    for name, entry in entries:
        path = shown + b"/" + name
        if is_git_name(name):
            raise NestedRepository(
                f"{name_to_text(path)} belongs to git: {name_to_text(shown)} is a repository of its own",
                "track what is beside it, or move it out of the data",
            )
        with naming(path, "looking at it"):
            status = entry.stat(follow_symlinks=False)
        found.append(_found(name, status, descriptor, path, store))
    return found


def enter(name: bytes, parent: int, shown: bytes, depth: int) -> int:
    """Open a subdirectory that the walk has found.

    Raises:
        TooDeep: at more than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise TooDeep(f"{name_to_text(shown[:200])}… is nested deeper than {MAX_DEPTH} directories")
    return open_directory(name, parent, shown)


def _found(name: bytes, status: os.stat_result, parent: int, shown: bytes, store: StoreRoot | None) -> Found:
    kind = _kind(status.st_mode, shown)
    target = link_target(name, parent) if kind is Kind.SYMLINK and store else None
    digest = object_named_by(target) if target else None
    if digest is None or target is None or store is None:
        return Found(name, kind, status)
    own = os.fsencode(store()) + f"/objects/{digest[3:5]}/{digest[5:]}".encode()
    try:
        there = os.lstat(target) if target == own else None
    except FileNotFoundError:
        there = None
    if there is None or not stat.S_ISREG(there.st_mode):
        raise DataNotFound(
            f"{name_to_text(shown)} is a link to an object that is not in the store {store()}",
            "`repro checkout` puts it right, after `repro fetch` where the store lacks it",
        )
    return Found(name, _kind(there.st_mode, shown), there, target)


def _kind(mode: int, shown: bytes) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISLNK(mode):
        return Kind.SYMLINK
    what = "a fifo" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise NotKept(
        f"{name_to_text(shown)} is {what}: it has no content to keep", "remove it, or track what is beside it"
    )
