"""What was found of installed files, remembered: reading all of them takes seconds, their sizes and times do not.

The memo is of one environment. Under each distribution's or package's name it has a signature of its files, and which
of them were edited: as long as the signature is the same, nothing is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence

from repro.env.memo_file import write_memo
from repro.model.dataclass import dataclass

_FORMAT = 2

Edited = dict[str, str | None]
"""The SHA-256 of edited files by their names, None of one that is not there."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that an installer wrote down: its name there, its path, and the hash that it had, in the same writing."""

    name: str
    path: str
    expected: str


def signature(files: Sequence[RecordedFile], *, follow_symlinks: bool) -> str:
    """Return what changes when one of the files does: of names, hashes, sizes, times and inodes.

    Args:
        files: in their order.
        follow_symlinks: whether what a link leads to is meant, as where packages are linked to an installer's cache,
            or the link itself, as where a file must be none.
    """
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            seen = os.stat(file.path, follow_symlinks=follow_symlinks)
            told = f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"
        except OSError:
            told = "-"
        digest.update(f"{file.name}\0{file.expected}\0{told}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class FilesMemo:
    """What was found of one environment: by distribution or package, a signature and the edited files."""

    def __init__(self, memo_dir: str, prefix: str) -> None:
        name = hashlib.sha256(os.fsencode(prefix)).hexdigest()[:32]
        self._path = os.path.join(memo_dir, "installed-files", f"{name}.json")
        self._before: dict[str, tuple[str, Edited]] = {}
        self._now: dict[str, tuple[str, Edited]] = {}
        # What cannot be read is not known: it is looked at again.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            with open(self._path, encoding="utf-8") as file:
                plain = json.load(file)
            if plain["format"] == _FORMAT:
                self._before = {str(k): (str(v[0]), _edited(v[1])) for k, v in plain["seen"].items()}

    def known(self, name: str, signature: str) -> Edited | None:
        """Return the edited files, None where the files are not those that were looked at."""
        found = self._before.get(name)
        if found is None or found[0] != signature:
            return None
        self._now[name] = found
        return found[1]

    def learn(self, name: str, signature: str, edited: Edited) -> None:
        """Remember what was found."""
        self._now[name] = (signature, edited)

    def write(self) -> None:
        """Put it on disk, if something is new."""
        if self._now != self._before:
            write_memo(self._path, json.dumps({"format": _FORMAT, "seen": self._now}))


def _edited(plain: Mapping[object, object]) -> Edited:
    return {str(name): None if sha256 is None else str(sha256) for name, sha256 in plain.items()}
