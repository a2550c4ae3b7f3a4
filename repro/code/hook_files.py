"""The files of installed git hooks: written whole, a user's own hook kept beside, and all of it taken back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from repro.errors import CannotProceed, LockedError
from repro.model.git.hook_state import BEFORE, EDITED, is_edited, is_ours


class HookInTheWay(CannotProceed):
    """The place for a user's own hook, which ours would call, is taken."""

    id = "hook-in-the-way"


class ConfigLocked(LockedError):
    """Another process is writing the repository's configuration."""

    id = "git-config-locked"


def read_file(path: str) -> bytes | None:
    """Return a file's bytes; None where there is none. A link that leads nowhere is none, and a folder."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def install_hook(folder: str, name: str, data: bytes) -> str | None:
    """Put a hook in its place. Another's hook that stands there is moved beside it first.

    Returns:
        The name under which a hook of ours that somebody changed was kept, if there was one.

    Raises:
        HookInTheWay: there, too, a file stands already. Nothing is changed.
        OSError: it cannot be written.
    """
    path = os.path.join(folder, name)
    before = path + BEFORE
    found = read_file(path)
    if found == data and os.access(path, os.X_OK):
        return None
    if os.path.lexists(path) and not is_ours(found):
        if os.path.lexists(before):
            raise HookInTheWay(
                f"{path} is not repro's, and {before}, where it would be kept, is taken",
                "remove the one of the two that is not needed, then call `repro hooks install` again",
            )
        _write(path + ".repro-new", data, 0o777)
        os.rename(path, before)
        os.rename(path + ".repro-new", path)
        return None
    kept = _keep_edited(path, found, data)
    replace_file(path, data, 0o777)
    return kept


def uninstall_hook(folder: str, name: str, data: bytes) -> str | None:
    """Take a hook away, and put the one back that it called. What is not repro's is left alone.

    Args:
        folder: where the hooks are.
        name: the hook's.
        data: what this repro would install.

    Returns:
        As `install_hook`.
    """
    path = os.path.join(folder, name)
    found = read_file(path)
    kept = None
    if is_ours(found):
        kept = _keep_edited(path, found, data)
        if os.path.lexists(path + BEFORE):
            os.rename(path + BEFORE, path)
        else:
            os.unlink(path)
    elif os.path.lexists(path + BEFORE) and not os.path.lexists(path):
        os.rename(path + BEFORE, path)  # an install was killed between its two renames
    return kept


def _keep_edited(path: str, found: bytes | None, shipped: bytes) -> str | None:
    """Write a hook that somebody changed beside it, where git does not call it."""
    if found is None or not is_edited(found, shipped):
        return None
    number, place = 1, path + EDITED
    while os.path.lexists(place) and read_file(place) != found:
        number += 1
        place = f"{path}{EDITED}-{number}"
    replace_file(place, found, 0o666)
    return os.path.basename(place)


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: nothing has changed.
    """
    temp = path + ".repro-new"
    _write(temp, data, mode)
    os.rename(temp, path)


def edit_config(path: str, edit: Callable[[bytes], bytes]) -> None:
    """Change a git config file under git's own lock; its mode stays. Nothing is written where nothing changes.

    Raises:
        ConfigLocked: git, or another repro, is writing it.
    """
    lock = path + ".lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise ConfigLocked(
            f"{lock} exists: somebody is writing the configuration",
            "try again; if nobody is, a command was killed there: remove the file",
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            before = read_file(path) or b""
            after = edit(before)
            file.write(after)
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), os.stat(path).st_mode & 0o7777)
        if after != before:
            os.rename(lock, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)


def _write(path: str, data: bytes, mode: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of an install that was killed
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
