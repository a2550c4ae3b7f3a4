"""Taking files out of a cache in such a way that who begins to use one in that moment keeps it.

A file is first moved to `condemned/`. Who wants to use it from now on finds it gone, and stores its bytes again; who
began before has left a newer time on it, or the mark `used/<64 hex>`: then it is moved back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.store.files.shared_folders import make_folder

_HEX = pattern(r"[0-9a-f]{64}")
_FOLDER = pattern(r"[0-9a-f]{2}")
_REST = pattern(r"[0-9a-f]{62}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A pack or an object's own file: its 64 hex digits, its path, its bytes, and when it was last stored or used.

    `modified` is the file's own time, in nanoseconds; `used` is the latest of all, in seconds since the epoch; `marked`
    is the time of its mark, 0 without one.
    """

    name: str
    path: str
    size: int
    modified: int
    used: float
    marked: float


def packs_of(root: str) -> Iterator[StoredFile]:
    """Yield the packs of the cache at `root`, in no order."""
    for entry in _entries(f"{root}/packs"):
        if _HEX.fullmatch(entry.name):
            yield from _stored(root, entry, entry.name)


def object_files_of(root: str) -> Iterator[StoredFile]:
    """Yield the objects that are files of their own, in no order."""
    for folder in _entries(f"{root}/objects"):
        if _FOLDER.fullmatch(folder.name):
            for entry in _entries(folder.path):
                if _REST.fullmatch(entry.name):
                    yield from _stored(root, entry, folder.name + entry.name)


def leftovers_of(root: str, folder: str) -> Iterator[StoredFile]:
    """Yield the files in a folder of things that were never finished."""
    for entry in _entries(f"{root}/{folder}"):
        yield from _stored(root, entry, entry.name)


def discard(root: str, file: StoredFile) -> bool:
    """Delete a file of the cache; return False, and leave it, where it was used since it was looked at.

    Raises:
        OSError: the system does not let us.
    """
    condemned = _condemned(root, file)
    make_folder(os.path.dirname(condemned))
    with contextlib.suppress(FileNotFoundError):  # another gc was first, or has taken it back
        os.rename(file.path, condemned)
        # Not "later": a clock may have been set back.
        if os.stat(condemned).st_mtime_ns == file.modified and _mark_time(root, file.name) == file.marked:
            os.unlink(condemned)
            return True
        os.rename(condemned, file.path)
    return False


def take_back(root: str) -> None:
    """Put back what a discarding that was killed has left condemned."""
    for kind in ("packs", "objects"):
        for entry in _entries(f"{root}/condemned/{kind}"):
            if _HEX.fullmatch(entry.name):
                target = f"{root}/packs/{entry.name}" if kind == "packs" else _object_path(root, entry.name)
                make_folder(os.path.dirname(target))
                with contextlib.suppress(FileNotFoundError):  # another gc does the same
                    os.rename(entry.path, target)


def _condemned(root: str, file: StoredFile) -> str:
    kind = "packs" if os.path.dirname(file.path) == f"{root}/packs" else "objects"
    return f"{root}/condemned/{kind}/{file.name}"


def _object_path(root: str, name: str) -> str:
    return f"{root}/objects/{name[:2]}/{name[2:]}"


def _stored(root: str, entry: os.DirEntry[str], name: str) -> Iterator[StoredFile]:
    with contextlib.suppress(FileNotFoundError):  # gone since the listing
        if entry.is_file(follow_symlinks=False):
            found = entry.stat(follow_symlinks=False)
            # A file that was moved into the store keeps its time: its inode's own tells when that was.
            marked = _mark_time(root, name)
            used = max(found.st_mtime, found.st_ctime, marked)
            yield StoredFile(name, entry.path, found.st_size, found.st_mtime_ns, used, marked)


def _mark_time(root: str, name: str) -> float:
    try:
        return os.stat(f"{root}/used/{name}").st_mtime
    except FileNotFoundError:
        return 0.0


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
