"""Opening directories of the project one component at a time, so that no symbolic link is ever followed."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from repro.errors import CannotProceed, IntegrityError
from repro.model.names import RelPath, name_to_text

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafeLink(IntegrityError):
    """A path of a record goes through a symbolic link, so it could end up anywhere."""

    id = "unsafe-link"


class NotADirectory(CannotProceed):
    """A file stands where a path needs a directory."""

    id = "not-a-directory"


@contextlib.contextmanager
def naming(path: bytes, action: str) -> Iterator[None]:
    """Give an OSError raised inside the whole path: calls relative to a descriptor know only a part of it.

    Raises:
        OSError: of the same class and number, with `path` as its file name.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error.__cause__, OSError):  # nearer to it, somebody knew more
            raise
        raise named(error, path, action) from error


def named(error: OSError, path: bytes, action: str) -> OSError:
    """Return the error with `path` as its file name: for where `naming` would be entered a million times."""
    number = error.errno or 0
    return OSError(number, f"{action}: {os.strerror(number)}", name_to_text(path))


def open_directory(name: bytes, parent: int, shown: bytes) -> int:
    """Open the directory `name` in the open directory `parent`.

    Raises:
        UnsafeLink: it is a symbolic link.
        NotADirectory: it is something else.
        FileNotFoundError, PermissionError: with the path.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        mode = _mode(name, parent)
        if mode is not None and stat.S_ISLNK(mode):
            raise UnsafeLink(
                f"{name_to_text(shown)} is a symbolic link, and what is asked for lies behind it",
                "name the path behind the link, or put a directory in the link's place",
            ) from None
        if mode is not None and not stat.S_ISDIR(mode):
            raise NotADirectory(f"{name_to_text(shown)} is not a directory", "move it out of the way") from None
        raise OSError(error.errno, os.strerror(error.errno or 0), name_to_text(shown)) from error


@contextlib.contextmanager
def parent_of(root: str, path: RelPath, create: bool = False) -> Iterator[int]:
    """Open the directory that holds `path`, from the project's root, following no link below the root.

    Args:
        root: the project's root, which may itself be reached through links.
        path: relative to it.
        create: make the directories that are missing.

    Raises:
        UnsafeLink, NotADirectory, FileNotFoundError: a component is a link, no directory, or missing.
    """
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parts = path.split(b"/")
        for depth, part in enumerate(parts[:-1], 1):
            shown = b"/".join(parts[:depth])
            if create:
                with contextlib.suppress(FileExistsError), naming(shown, "making a directory"):
                    os.mkdir(part, 0o777, dir_fd=current)
            following = open_directory(part, current, shown)
            os.close(current)
            current = following
        yield current
    finally:
        os.close(current)


def mode_of(name: bytes, parent: int, shown: bytes) -> int | None:
    """Return the mode of what stands at `name` in the open directory `parent`, None where nothing does."""
    try:
        with naming(shown, "looking at it"):
            return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def link_target(name: bytes, parent: int) -> bytes | None:
    """Return where the link `name` points, None where nothing or something else stands."""
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError:  # nothing there, or no link
        return None


def names_in(descriptor: int, shown: bytes) -> list[bytes]:
    """Return the names in an open directory, sorted."""
    with naming(shown, "listing it"):
        return sorted(os.fsencode(name) for name in os.listdir(descriptor))


def _mode(name: bytes, parent: int) -> int | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except OSError:
        return None
