"""Temporary files of the cache: made beside the objects, and swept when their process is long gone."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence

from repro.full_disk import naming_the_disk
from repro.store.files.shared_folders import make_folder

LEFTOVER_AGE = 24 * 3600.0
"""Seconds without a write after which a temporary file belongs to nobody."""


@contextlib.contextmanager
def temp_file(directory: str) -> Iterator[tuple[int, str]]:
    """Open a new file under `directory` for reading and writing; it is gone afterwards unless renamed away.

    Yields:
        The descriptor and the file's path.
    """
    descriptor, path = open_temp(directory)
    try:
        with naming_the_disk(directory):
            yield descriptor, path
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def open_temp(directory: str) -> tuple[int, str]:
    """Open a new file under `directory`, which is made where there is none; return the descriptor and the path."""
    make_folder(directory)
    path = os.path.join(directory, f"{os.getpid()}-{os.urandom(8).hex()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), path


def sweep(directory: str, age: float = LEFTOVER_AGE) -> None:
    """Remove files under `directory` that nobody wrote to for `age` seconds. Others may sweep at the same time."""
    oldest = time.time() - age
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return
    for entry in entries:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # gone, or another user's
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte: a single `write` may take only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_parts(descriptor: int, parts: Sequence[bytes | memoryview]) -> None:
    """Write every byte of some parts, not more than some dozens, by one call as a rule."""
    written = os.writev(descriptor, parts)
    for part in parts:
        if written < len(part):
            write_all(descriptor, memoryview(part)[written:])
        written = max(written - len(part), 0)


def pwrite_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write every byte at an offset, as `write_all`."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
