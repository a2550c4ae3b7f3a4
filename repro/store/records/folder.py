"""The folder `.repro/` itself: made when it is first needed, with what git must not see in it named."""

from __future__ import annotations

import contextlib
import os

from repro.errors import IntegrityError

_OWN = (
    "local",
    "runs",
    "rebuilds",
    "local/fetched",
    "local/fetched/runs",
    "local/fetched/rebuilds",
    "archives",
    "local/fetched/archives",
)
_IGNORED = b"# What belongs to this machine alone.\n/local/\n/local.yaml\n"


class LinkedFolder(IntegrityError):
    """A folder for records is a link to another place."""

    id = "linked-folder"


def prepare_folder(folder: str) -> None:
    """Make the folder and tell git what in it belongs to this machine alone; what is there stays.

    Raises:
        LinkedFolder: it, or a folder in it, is a link: a cloned repository could have us write anywhere.
    """
    for path in (folder, *(os.path.join(folder, name) for name in _OWN)):
        if os.path.islink(path):
            raise LinkedFolder(f"{path} is a symbolic link, and repro writes its records there", "remove the link")
    ignore = os.path.join(folder, ".gitignore")
    if os.path.exists(ignore) and os.path.isdir(os.path.join(folder, "local")):
        return
    os.makedirs(os.path.join(folder, "local"), exist_ok=True)
    if not os.path.exists(ignore):
        os.replace(write_beside(ignore, _IGNORED), ignore)


def write_beside(path: str, data: bytes) -> str:
    """Write bytes to disk under a temporary name beside `path`, in a folder that is made, and return that name."""
    temp = f"{path}.{os.getpid()}.tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(temp, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temp)
        raise
    return temp
