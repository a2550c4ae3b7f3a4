"""Git LFS: the pointer that git has in a file's place, and the file itself where LFS keeps it on this machine.

Source: Git LFS's `docs/spec.md`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

if TYPE_CHECKING:
    from dulwich.repo import Repo

_START = b"version https://git-lfs.github.com/spec/v1\n"
_OID = pattern(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_SIZE = pattern(rb"^size ([0-9]{1,18})$", re.MULTILINE)
_LONGEST = 1024
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What a pointer names: the SHA-256 of the bytes, in hex digits, and how many they are."""

    sha256: str
    size: int


def parse_lfs_pointer(data: bytes) -> LfsPointer | None:
    """Return what a blob points to, if it is a pointer of Git LFS."""
    if len(data) > _LONGEST or not data.startswith(_START):
        return None
    oid, size = _OID.search(data), _SIZE.search(data)
    return LfsPointer(oid[1].decode(), int(size[1])) if oid and size else None


def lfs_places(repo: Repo, pointer: LfsPointer) -> Iterator[str]:
    """Yield where LFS may keep an object: in `lfs.storage`, else in `lfs` of the folder that worktrees share."""
    folder = os.path.join(repo.commondir(), "lfs")
    try:
        given = repo.get_config_stack().get((b"lfs",), b"storage")
        folder = os.path.join(repo.commondir(), os.path.expanduser(os.fsdecode(given)))
    except KeyError:
        pass
    yield os.path.join(folder, "objects", pointer.sha256[:2], pointer.sha256[2:4], pointer.sha256)


def is_what_lfs_names(path: str, pointer: LfsPointer) -> bool:
    """Whether a regular file has the bytes that a pointer names."""
    import hashlib

    try:
        if os.path.islink(path) or os.stat(path).st_size != pointer.size:
            return False
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return False
    return digest.hexdigest() == pointer.sha256
