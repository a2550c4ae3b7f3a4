"""The walk over a tracked path: what stands where, with its `lstat`, and a clear no to what is not data."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping

from repro.data.memo_records import PART, KnownPart
from repro.data.open_safely import link_target, naming, open_directory
from repro.data.rows import FOLDER, Row, look, newest_of, pack_rows, row_of
from repro.errors import CannotProceed
from repro.model.data.links import object_named_by
from repro.model.data.tree import MAX_DEPTH
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.names import MAX_NAME, check_name, is_git_name, may_hold_git_name, name_to_text

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
class Part:
    """Up to `repro.data.memo_records.PART` of a directory's names, sorted, each with its row.

    A symlink to an object of the project's store is the file that it stands for: its row is the object's, and
    `objects` has the object's path. `joined` are the names with NUL between them, `packed` the rows as bytes,
    `newest` the latest time in them, `modes` those that occur.
    """

    names: list[bytes]
    joined: bytes
    rows: list[Row]
    packed: bytes
    newest: int
    modes: frozenset[int]
    objects: Mapping[bytes, bytes]
    is_last: bool

    def is_same_as(self, known: KnownPart, settled_ns: int) -> bool:
        """Whether these names stand as they were remembered, with times that could be trusted then."""
        return self.newest < settled_ns and known.body == self.joined + self.packed

    def folders(self) -> list[bytes]:
        """Return those of the names that are directories."""
        if stat.S_IFDIR not in self.modes:
            return []
        return [name for name, row in zip(self.names, self.rows, strict=True) if row[0] == stat.S_IFDIR]


def look_at(name: bytes, parent: int, shown: bytes, store: StoreRoot | None = None) -> Part:
    """Return what stands at `name` in the open directory `parent`, as a part of one name.

    Raises:
        DataNotFound: nothing stands there, or a link to an object that the store lacks.
        NotKept: it is a fifo, socket or device.
    """
    try:
        with naming(shown, "looking at it"):
            row = look(name, parent)
    except FileNotFoundError:
        raise DataNotFound(f"there is nothing at {name_to_text(shown)}") from None
    return _part([name], [row], parent, shown[: -len(name)], store, is_last=True)


def list_directory(descriptor: int, shown: bytes, store: StoreRoot | None = None) -> Iterator[Part]:
    """Yield what stands in an open directory, in the order of the names; an empty one is one empty part.

    A name that goes while they are looked at is left out: programs make and remove files beside the data.

    Raises:
        DataNotFound: it holds a link to an object that the store lacks.
        NotKept: it holds what cannot be tracked.
    """
    with naming(shown, "listing it"):
        found = os.listdir(descriptor)
    names = os.fsencode("\0".join(found)).split(b"\0") if found else []
    del found
    names.sort()
    for start in range(0, max(len(names), 1), PART):
        some, rows = _standing(names[start : start + PART], descriptor, shown)
        yield _part(some, rows, descriptor, shown + b"/", store, is_last=start + PART >= len(names))


def check_names(part: Part, shown: bytes) -> None:
    """Check the names of a directory. Those of a part that equals a remembered one have been checked.

    Raises:
        NestedRepository: one is git's own.
        UnsafePath: one is longer than a tree may hold.
    """
    if may_hold_git_name(part.joined):
        for name in filter(is_git_name, part.names):
            raise NestedRepository(
                f"{name_to_text(shown + b'/' + name)} belongs to git: {name_to_text(shown)} is a repository of its own",
                "track what is beside it, or move it out of the data",
            )
    if any(len(name) > MAX_NAME for name in part.names):
        for name in part.names:
            check_name(name)


def enter(name: bytes, parent: int, shown: bytes, depth: int) -> int:
    """Open a subdirectory that the walk has found.

    Raises:
        TooDeep: at more than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise TooDeep(f"{name_to_text(shown[:200])}… is nested deeper than {MAX_DEPTH} directories")
    return open_directory(name, parent, shown)


def _standing(names: list[bytes], descriptor: int, shown: bytes) -> tuple[list[bytes], list[Row]]:
    """Return the names that still stand there, as if they had been listed a moment later, and their rows."""
    try:
        return names, [row_of(os.lstat(name, dir_fd=descriptor)) for name in names]
    except OSError:  # once more, slowly, to see which
        rows = {}
        for name in names:
            with contextlib.suppress(FileNotFoundError), naming(shown + b"/" + name, "looking at it"):
                rows[name] = look(name, descriptor)
        return list(rows), list(rows.values())


def _part(
    names: list[bytes], rows: list[Row], parent: int, before: bytes, store: StoreRoot | None, *, is_last: bool
) -> Part:
    modes = frozenset([row[0] for row in rows])
    objects: dict[bytes, bytes] = {}
    if not all(map(stat.S_ISREG, modes)):
        for number, name in enumerate(names):
            rows[number] = _plain_row(name, rows[number], parent, before + name, store, objects)
        modes = frozenset([row[0] for row in rows])
    return Part(names, b"\0".join(names), rows, pack_rows(rows), newest_of(rows), modes, objects, is_last)


def _plain_row(
    name: bytes, row: Row, parent: int, shown: bytes, store: StoreRoot | None, objects: dict[bytes, bytes]
) -> Row:
    """Return the row that counts: of a link to an object the object's, which is noted, and of a directory no more
    than that it is one."""
    mode = row[0]
    if stat.S_ISREG(mode):
        return row
    if stat.S_ISDIR(mode):
        return FOLDER
    if not stat.S_ISLNK(mode):
        what = "a fifo" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise NotKept(
            f"{name_to_text(shown)} is {what}: it has no content to keep", "remove it, or track what is beside it"
        )
    target = link_target(name, parent) if store else None
    digest = object_named_by(target) if target else None
    if digest is None or target is None or store is None:
        return row
    objects[name] = target
    return _object_row(target, digest, shown, store)


def _object_row(target: bytes, digest: Digest, shown: bytes, store: StoreRoot) -> Row:
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
    return row_of(there)
