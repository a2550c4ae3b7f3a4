"""Pointer files in the work tree: found by their data's path, read, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat

from repro.data.open_safely import naming, parent_of
from repro.errors import CannotProceed
from repro.model.data.pointer import MAX_BYTES, Pointer, parse_pointer, pointer_name, render_pointer
from repro.model.dataclass import dataclass
from repro.model.names import RelPath, check_path, name_to_text
from repro.model.record import BadRecord


class NotTracked(CannotProceed):
    """There is no pointer for a path."""

    id = "not-tracked"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A pointer in the work tree, with the path of the data it stands for and its own."""

    path: RelPath
    pointer_path: RelPath
    pointer: Pointer


def pointer_path_of(path: RelPath) -> RelPath:
    """Return where the pointer of the data at `path` stands.

    Raises:
        UnsafePath: there would be no legal place for it.
    """
    folder, slash, name = path.rpartition(b"/")
    return check_path(folder + slash + pointer_name(name))


def read_pointer(root: str, pointer_path: RelPath) -> Tracked:
    """Read one pointer file.

    Raises:
        NotTracked: it is not there.
        BadRecord, BadYaml, NewerFormat, UnsafeLink: it is no pointer, an unsafe one, or a newer repro's.
        OSError: it cannot be read.
    """
    folder, slash, file_name = pointer_path.rpartition(b"/")
    shown = name_to_text(pointer_path)
    try:
        with parent_of(root, pointer_path) as parent:
            data = _read(file_name, parent, pointer_path)
    except FileNotFoundError:
        raise NotTracked(f"there is no pointer {shown}", "`repro add` makes one") from None
    pointer = parse_pointer(data, file_name, shown)
    return Tracked(check_path(folder + slash + pointer.name), pointer_path, pointer)


def read_pointer_of(root: str, path: RelPath) -> Tracked:
    """Read the pointer of the data at `path`; errors as `read_pointer`."""
    return read_pointer(root, pointer_path_of(path))


def write_pointer(root: str, path: RelPath, pointer: Pointer) -> RelPath:
    """Write the pointer of the data at `path`, and return where. A pointer that would not change is not touched.

    Raises:
        UnsafeLink, NotADirectory: the way there is not a way.
        OSError: with the path; the old pointer is then still there.
    """
    pointer_path = pointer_path_of(path)
    name = pointer_path.rsplit(b"/", 1)[-1]
    data = render_pointer(pointer)
    with parent_of(root, pointer_path) as parent:
        with contextlib.suppress(FileNotFoundError, BadRecord):
            if _read(name, parent, pointer_path) == data:
                return pointer_path
        with naming(pointer_path, "writing the pointer"):
            replace_file(name, parent, data, 0o666)
    return pointer_path


def replace_file(name: bytes, parent: int, data: bytes, mode: int) -> None:
    """Put a file with these bytes at `name` in the open directory `parent`: a reader sees the old or the new one.

    Raises:
        OSError: nothing has changed.
    """
    temp = f".repro-tmp-{os.urandom(8).hex()}".encode()
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temp, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp, dir_fd=parent)
        raise


def _read(name: bytes, parent: int, shown: bytes) -> bytes:
    with naming(shown, "reading the pointer"):
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise BadRecord(f"{name_to_text(shown)} is no regular file, so it is no pointer")
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_BYTES + 1)
