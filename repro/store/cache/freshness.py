"""What is found in the store and used again is kept from a gc that removes what is old and named by nothing yet.

The gc looks at when a file was made or last used: at its own time, or at that of the mark `used/<64 hex>`.
"""

from __future__ import annotations

import contextlib
import os
import time

from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file

FRESH = 3600.0
"""Seconds for which a file counts as just used. The gc's grace period must be longer."""


class Freshness:
    """Says of files that they are in use, once each in a process."""

    def __init__(self, root: str) -> None:
        """Take the store's folder."""
        self._root = root
        self._told: set[str] = set()

    def touch(self, path: str, modified: float) -> bool:
        """Say that a file that no work tree is linked to is used; return whether it is still there.

        Args:
            path: of a pack or a small object.
            modified: its time in seconds since the epoch.
        """
        if modified > time.time() - FRESH or path in self._told:
            return True
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's
            self._mark(path)
        except OSError:
            return True  # a read-only place: no gc of ours runs there
        self._told.add(path)
        return True

    def mark(self, path: str, modified: float) -> None:
        """Say the same of an object's file that a work tree may be linked to: its own time must stay, as the
        work tree's memory of what has not changed rests on it."""
        if modified > time.time() - FRESH or path in self._told:
            return
        self._mark(path)
        self._told.add(path)

    def _mark(self, path: str) -> None:
        folder = f"{self._root}/used"
        name = os.path.basename(path)
        name = name if len(name) == 64 else os.path.basename(os.path.dirname(path)) + name
        with contextlib.suppress(OSError):
            make_folder(folder)
            with temp_file(f"{self._root}/tmp") as (descriptor, temp):
                os.fchmod(descriptor, 0o444)
                os.rename(temp, f"{folder}/{name}")  # another user's mark could not be written to
