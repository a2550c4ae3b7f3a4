"""Git's index as names and ids, nothing else: what `check` reads in a repository of many files.

Source: git's Documentation/gitformat-index.txt.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from repro.model.dataclass import dataclass, field

if TYPE_CHECKING:
    from repro.code.git_objects import TreeEntry

_HEADER = 12
_FIXED = 62  # of an entry, before its path
_CHECKSUM = 20
_EXTENDED = 0x40  # in the flags' upper byte
_STAGE = 0x30
_LONG = 0xFFF


class BadIndex(Exception):
    """The file is no index, or one of a kind that is not read; the text says which."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """The index: `paths` are sorted, `entries` has of each the mode and the id as git's index has them.

    `folders` are directories whose tree git has written already: path without a slash at its end -> hex id.
    """

    paths: list[bytes] = field(default_factory=list)
    entries: dict[bytes, bytes] = field(default_factory=dict)
    folders: dict[bytes, bytes] = field(default_factory=dict)

    def entry(self, path: bytes) -> TreeEntry | None:
        """Return what is staged at a path: a file, a symlink, a submodule, or a folder of a sparse index."""
        from repro.code.git_objects import TreeEntry

        found = self.entries.get(path)
        return TreeEntry(int.from_bytes(found[:4]), path, found[4:].hex().encode()) if found else None


def parse_index(data: bytes) -> IndexFile:
    """Read the index. Paths in conflict are left out: git commits nothing while there are any.

    Raises:
        BadIndex: it is damaged, split, or of an unknown version.
    """
    if len(data) < _HEADER + _CHECKSUM or data[:4] != b"DIRC":
        raise BadIndex("it is no index")
    version, count = struct.unpack(">LL", data[4:_HEADER])
    if version not in (2, 3, 4):
        raise BadIndex(f"it has version {version}")
    try:
        found, position = _compressed(data, count) if version == 4 else _plain(data, count)
    except (IndexError, ValueError) as error:
        raise BadIndex("it is cut off") from error
    if position > len(data) - _CHECKSUM:
        raise BadIndex("it is cut off")
    return IndexFile(list(found), found, _folders(data, position))


def _plain(data: bytes, count: int) -> tuple[dict[bytes, bytes], int]:
    found: dict[bytes, bytes] = {}
    position = _HEADER
    for _ in range(count):
        flags = data[position + 60]
        length = (flags << 8 | data[position + 61]) & _LONG
        start = position + (_FIXED + 2 if flags & _EXTENDED else _FIXED)
        end = start + length if length < _LONG else data.index(0, start + length)
        if not flags & _STAGE:
            found[data[start:end]] = data[position + 24 : position + 28] + data[position + 40 : position + 60]
        position += (end - position + 8) & ~7
    return found, position


def _compressed(data: bytes, count: int) -> tuple[dict[bytes, bytes], int]:
    """Version 4: of each path, how many bytes of the one before to drop, and what follows them; no padding."""
    found: dict[bytes, bytes] = {}
    position, path = _HEADER, b""
    for _ in range(count):
        flags = data[position + 60]
        cursor = position + (_FIXED + 2 if flags & _EXTENDED else _FIXED)
        byte = data[cursor]
        cursor += 1
        dropped = byte & 0x7F
        while byte & 0x80:
            byte = data[cursor]
            cursor += 1
            dropped = ((dropped + 1) << 7) | (byte & 0x7F)
        end = data.index(0, cursor)
        path = path[: len(path) - dropped] + data[cursor:end]
        if not flags & _STAGE:
            found[path] = data[position + 24 : position + 28] + data[position + 40 : position + 60]
        position = end + 1
    return found, position


def _folders(data: bytes, position: int) -> dict[bytes, bytes]:
    """Read the extensions.

    Raises:
        BadIndex: one that changes what the entries mean, and that is not known.
    """
    folders: dict[bytes, bytes] = {}
    while position + 8 <= len(data) - _CHECKSUM:
        name, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8])
        body = data[position + 8 : position + 8 + length]
        if name == b"TREE":
            try:
                folders = _cached_trees(body)
            except ValueError as error:
                raise BadIndex("it is cut off") from error
        elif name == b"link":
            raise BadIndex("it is split")
        elif name[:1].islower() and name != b"sdir":
            raise BadIndex(f"it has the extension {name!r}")
        position += 8 + length
    return folders


def _cached_trees(body: bytes) -> dict[bytes, bytes]:
    """Read the extension TREE: of each folder its name, how many entries (negative: changed since), subfolders."""
    found: dict[bytes, bytes] = {}
    position = 0
    waiting: list[tuple[bytes, int]] = []
    while position < len(body):
        end = body.index(0, position)
        name = body[position:end]
        line = body.index(b"\n", end)
        entries, children = (int(text) for text in body[end + 1 : line].split(b" "))
        position = line + 1
        while waiting and waiting[-1][1] == 0:
            waiting.pop()
        path = name
        if waiting:
            above, left = waiting[-1]
            waiting[-1] = above, left - 1
            path = above + b"/" + name if above else name
        if entries >= 0:
            found[path] = body[position : position + 20].hex().encode()
            position += 20
        waiting.append((path, children))
    return found
