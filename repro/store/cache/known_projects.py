"""Which projects use a cache: what their records need, a gc of the cache must keep.

One file per project in the folder `projects/`, which holds the path and is called by 32 hex digits of its BLAKE3.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable

from repro.model.digest import digest_of, hex_of
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file, write_all

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def note_project(store: str, root: str) -> None:
    """Remember that the project at `root` uses the cache at `store`. Where that cannot be written to, nothing is
    stored in it either, so nothing of the project can be lost there.

    Raises:
        OSError: the disk is full; or objects could be stored there, and this cannot: a gc would take them for garbage.
    """
    path = _file_of(store, os.fsencode(root))
    if os.path.exists(path):
        return
    with contextlib.ExitStack() as stack:
        try:
            descriptor, temp = stack.enter_context(temp_file(os.path.join(store, "tmp")))
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            return
        write_all(descriptor, os.fsencode(root))
        os.fsync(descriptor)
        os.fchmod(descriptor, 0o644)
        make_folder(os.path.dirname(path))
        os.rename(temp, path)


def known_projects(store: str) -> list[bytes]:
    """Return the paths of the projects that have used the cache, sorted; some may be gone."""
    folder = os.path.join(store, "projects")
    paths = []
    for name in _names(folder):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name), "rb") as file:
            paths.append(file.read())
    return sorted(paths)


def forget_projects(store: str, roots: Iterable[bytes]) -> None:
    """Forget projects that are gone for good."""
    for root in roots:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_file_of(store, root))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _file_of(store: str, root: bytes) -> str:
    return os.path.join(store, "projects", hex_of(digest_of(root))[:32])
