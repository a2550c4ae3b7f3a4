"""The cache's format version, in the file `<root>/format`."""

from __future__ import annotations

import os

from repro.errors import CannotProceed
from repro.store.files.temp_files import temp_file, write_all

LINE = b"repro-cache 1\n"


class NewerCache(CannotProceed):
    """The cache was written by a newer repro."""

    id = "newer-cache"


def check_format(root: str) -> None:
    """Accept a cache folder that is new, or of the format that this repro knows.

    Raises:
        NewerCache: it says something else.
    """
    try:
        with open(os.path.join(root, "format"), "rb") as file:
            found = file.read(200)
    except FileNotFoundError:
        return
    if found != LINE:
        shown = found.decode("ascii", "replace").strip()
        raise NewerCache(
            f"the cache {root} has the format {shown!r}; this repro reads {LINE.decode().strip()!r}",
            "install a newer repro, or name another cache folder",
        )


def mark_format(root: str, temp_folder: str) -> None:
    """Write the version into a cache folder that has none."""
    path = os.path.join(root, "format")
    if os.path.exists(path):
        return
    with temp_file(temp_folder) as (temp, temp_path):
        write_all(temp, LINE)
        os.fchmod(temp, 0o644)
        os.rename(temp_path, path)
