"""The parts of a directory, looked at and read, as the directory's tree object."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence

from repro.data.memo_records import Closing
from repro.data.open_safely import naming
from repro.data.rows import unpack_rows
from repro.model.data.content import Content, Kind
from repro.model.data.tree import encode_entry, encode_file, join_entries
from repro.model.dataclass import dataclass
from repro.model.digest import digest_from


@dataclass(frozen=True, slots=True)
class SeenPart:
    """A part of a directory's names as bytes: a directory of any length is kept until its tree is made."""

    joined: bytes
    packed: bytes
    digests: bytes

    @property
    def count(self) -> int:
        """The number of names."""
        return len(self.digests) // 32


def encode_seen(
    parts: Sequence[SeenPart], folders: Mapping[bytes, Closing], descriptor: int, shown: bytes
) -> tuple[bytes, int]:
    """Return the tree object of a directory, and the sum of the sizes in it.

    Args:
        parts: its names, in order.
        folders: what closed each subdirectory.
        descriptor: the directory: the targets of links are read now.

    Raises:
        OSError: with the path: a link has gone.
    """
    records: list[bytes] = []
    total = 0
    for part in parts:
        hexadecimal = part.digests.hex().encode()
        rows = unpack_rows(part.packed) if part.count else []
        for number, name in enumerate(part.joined.split(b"\0") if rows else []):
            mode, _, size, _, _ = rows[number]
            if stat.S_ISREG(mode):
                digest = hexadecimal[64 * number : 64 * number + 64]
                records.append(encode_file(name, size, digest, bool(mode & stat.S_IXUSR)))
            elif stat.S_ISDIR(mode):
                size = folders[name].size
                content = Content(Kind.DIRECTORY, size, digest=digest_from(folders[name].digest))
                records.append(encode_entry(name, content))
            else:
                content = _link(name, descriptor, shown + b"/" + name)
                size = content.size
                records.append(encode_entry(name, content))
            total += size
    return join_entries(records), total


def leaf_content(part: SeenPart, parent: int, before: bytes) -> Content:
    """Return the content of a part with one name that is no directory."""
    mode, _, size, _, _ = unpack_rows(part.packed)[0]
    if not stat.S_ISREG(mode):
        return _link(part.joined, parent, before + part.joined)
    kind = Kind.EXECUTABLE if mode & stat.S_IXUSR else Kind.FILE
    return Content(kind, size, digest=digest_from(part.digests))


def _link(name: bytes, parent: int, shown: bytes) -> Content:
    with naming(shown, "reading the link"):
        target = os.readlink(name, dir_fd=parent)
    return Content(Kind.SYMLINK, len(target), target=target)
