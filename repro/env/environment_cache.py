"""Realised environments on this machine, each under a key of what it was made from.

An environment is built under a temporary name and renamed once it is complete, so whatever stands under a key is
whole. Two processes that make the same one do the work twice, and the slower one throws its own away. What a killed
process left is removed by a later one, after a day.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from repro.model.digest import digest_of, hex_of

if TYPE_CHECKING:
    from repro.model.environments.environment import PipEnvironment

MARK = "repro-environment.json"
"""The file in a complete environment that says what it was when it was made."""

TEMPORARY = "tmp-"
_LEFT_OVER_S = 24 * 3600
_REMOVALS = 25
_FORMAT = 2


def environment_key(environment: PipEnvironment, interpreter: str) -> str:
    """Return the name of the cache entry: 32 hex digits over all that decides what is installed.

    Project installs are not part of it: they are made in a copy.
    """
    real = os.path.realpath(interpreter)
    stat = os.stat(real)
    facts = {
        "format": _FORMAT,
        "interpreter": [real, stat.st_size, stat.st_mtime_ns, environment.python.version, environment.python.abi],
        "lock": environment.lock.digest if environment.lock else None,
        "vcs": [[v.name, v.vcs, v.url, v.commit, v.subdirectory] for v in environment.vcs],
        "wheels": [[w.name, w.file, w.sha256] for w in environment.wheels],
    }
    return hex_of(digest_of(json.dumps(facts, sort_keys=True).encode()))[:32]


def interpreter_place(interpreter: str) -> str:
    """Return what `make_environment` takes as place for a venv of an interpreter.

    uv asks a Python that it does not know what it is, which takes as long as to install a hundred small packages, and
    keeps the answer by the path (and the time stamp of the file that the path leads to). The path of a venv that is
    made for the same file is therefore the same.
    """
    return hex_of(digest_of("\0".join(file_state(interpreter)).encode("utf-8", "surrogateescape")))[:16]


def file_state(path: str) -> list[str]:
    """Return what tells a file from another, and from itself after a change: where it really is, size and times.

    Raises:
        OSError: there is none.
    """
    real = os.path.realpath(path)
    stat = os.stat(real)
    return [real, f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"]


def cached_environment(envs_dir: str, key: str) -> str | None:
    """Return the prefix of a complete environment, None where there is none or it is not what it was when made.

    Somebody may have installed into it, or removed from it: that is seen by the names in `bin` and `site-packages`,
    in a millisecond, and not by every byte.
    """
    prefix = os.path.join(envs_dir, key)
    try:
        with open(os.path.join(prefix, MARK), encoding="utf-8") as file:
            marked = json.load(file)
        if marked == _mark(prefix):
            return prefix
    except (OSError, ValueError):
        pass
    return None


def make_environment(envs_dir: str, key: str, build: Callable[[str], None], place: str | None = None) -> str:
    """Build an environment under a temporary name, and give it its own when it is complete.

    Args:
        envs_dir: made when needed.
        key: of `environment_key`.
        build: makes the environment at the path it is given, which does not exist yet, and protects what it shares.
        place: what the temporary name is made of, where the same name each time saves work; while another process
            uses it, or if one was killed there, the name is another.

    Returns:
        The prefix: of this environment, or of one that another process made meanwhile.

    Raises:
        OSError: the folder cannot be written.
        whatever `build` raises; nothing is left then.
    """
    os.makedirs(envs_dir, exist_ok=True)
    remove_left_overs(envs_dir)
    temporary = _temporary_folder(envs_dir, place)
    try:
        made = os.path.join(temporary, "env")
        build(made)
        with open(os.path.join(made, MARK), "w", encoding="utf-8") as file:
            json.dump(_mark(made), file)
            file.flush()
            os.fsync(file.fileno())
        return _put_in_place(envs_dir, key, made, temporary)
    finally:
        _remove(temporary)


@contextlib.contextmanager
def folder_for_now(envs_dir: str) -> Iterator[str]:
    """Give a folder for what only one command needs, on the disk of the environments.

    Raises:
        OSError: it cannot be made.
    """
    os.makedirs(envs_dir, exist_ok=True)
    folder = _temporary_folder(envs_dir, None)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(temporary: str) -> None:
    try:  # what has mostly no folder in it any more
        for name in os.listdir(temporary):
            os.unlink(os.path.join(temporary, name))
        os.rmdir(temporary)
    except OSError:
        import shutil
        import time

        for _ in range(_REMOVALS):
            shutil.rmtree(temporary, ignore_errors=True)
            if not os.path.exists(temporary):
                return
            time.sleep(0.02)  # py-rattler's threads go on for a moment with what Ctrl-C has ended


def _temporary_folder(envs_dir: str, place: str | None) -> str:
    if place is not None:
        path = os.path.join(envs_dir, TEMPORARY + place)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
            return path
    path = os.path.join(envs_dir, TEMPORARY + os.urandom(8).hex())
    os.mkdir(path, 0o700)
    return path


def _put_in_place(envs_dir: str, key: str, made: str, temporary: str) -> str:
    import errno

    final = os.path.join(envs_dir, key)
    for attempt in range(3):
        try:
            os.rename(made, final)
            return final
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        standing = cached_environment(envs_dir, key)
        if standing is not None:
            return standing
        # Damaged: moved aside first, so that nobody ever sees half of it under its name.
        with contextlib.suppress(FileNotFoundError):
            os.rename(final, os.path.join(temporary, f"damaged-{attempt}"))
    os.rename(made, final)
    return final


def _mark(prefix: str) -> dict[str, list[str]]:
    """Return what tells an untouched environment from one that somebody installed into.

    One of conda may have no Python, and writes down in `conda-meta` what is installed.
    """
    names: dict[str, list[str]] = {}
    library = os.path.join(prefix, "lib")
    folders = [name for name in ("bin", "conda-meta") if os.path.isdir(os.path.join(prefix, name))] + [
        os.path.join("lib", python, "site-packages")
        for python in sorted(os.listdir(library) if os.path.isdir(library) else [])
        if python.startswith("python") and os.path.isdir(os.path.join(library, python, "site-packages"))
    ]
    for folder in folders:
        names[folder] = sorted(name for name in os.listdir(os.path.join(prefix, folder)) if name != "__pycache__")
    return names


def remove_left_overs(envs_dir: str) -> None:
    """Remove what killed processes left a day ago or longer: folders whose names begin with `TEMPORARY`."""
    import time

    for name in os.listdir(envs_dir):
        path = os.path.join(envs_dir, name)
        with contextlib.suppress(FileNotFoundError):
            if name.startswith(TEMPORARY) and time.time() - os.stat(path).st_mtime > _LEFT_OVER_S:
                import shutil

                shutil.rmtree(path, ignore_errors=True)
