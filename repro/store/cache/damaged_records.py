"""`damaged/`: the objects whose records in packs were found damaged. A pack is not set aside for one bad record."""

from __future__ import annotations

import contextlib
import os
import time

from repro.model.digest import Digest, hex_of
from repro.model.pattern import pattern
from repro.store.files.shared_folders import make_folder

_NAME = pattern(r"[0-9a-f]{64}")
_LOOK_AGAIN = 1.0  # seconds after which marks of other processes are looked for; each finds damage by itself too


class DamagedRecords:
    """One empty file per object. What is marked is looked for in `objects/` only, and stored there when it comes."""

    def __init__(self, folder: str) -> None:
        """Take the folder, which need not exist."""
        self._folder = folder
        self._marked: frozenset[Digest] = frozenset()
        self._seen: int | None = None
        self._looked = float("-inf")

    def __contains__(self, digest: Digest) -> bool:
        return self.are_any() and digest in self._marked

    def are_any(self) -> bool:
        """Whether any object is marked."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN:
            self._looked = now
            self._look()
        return bool(self._marked)

    def mark(self, digest: Digest) -> None:
        """Believe no pack about this object any more; where the mark cannot be written, in this process only."""
        self._marked |= {digest}
        with contextlib.suppress(OSError):
            make_folder(self._folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            os.close(os.open(f"{self._folder}/{hex_of(digest)}", flags, 0o444))

    def forget_all(self) -> None:
        """Believe the packs again about all objects: every record of theirs was compared."""
        self._marked = frozenset()
        with contextlib.suppress(FileNotFoundError):
            for name in filter(_NAME.fullmatch, os.listdir(self._folder)):
                with contextlib.suppress(OSError):
                    os.unlink(f"{self._folder}/{name}")

    def _look(self) -> None:
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed == self._seen:
                return
            names = filter(_NAME.fullmatch, os.listdir(self._folder))
        except FileNotFoundError:
            return
        self._marked |= {Digest(f"b3:{name}") for name in names}
        self._seen = changed
