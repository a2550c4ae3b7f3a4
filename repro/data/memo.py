"""The stat memo: which digest a file had when its `lstat` was this, so that an unchanged file is not read again.

One file per tracked path. It is only ever a shortcut: a missing, old or damaged memo means that files are read.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from repro.model.content import Content, Kind
from repro.model.digest import Digest
from repro.model.names import RelPath

Identity = NewType("Identity", str)
"""Kind, inode, size, mtime and ctime (nanoseconds) of a file: equal means "the same bytes as then"."""

RACY_NS = 2_000_000_000
"""A file that changed so shortly before it was looked at may change again within one tick of its file system's
clock, unseen (git's racy rule; 2 s is FAT's tick, the coarsest there is)."""

_HEADER = "repro-memo 1"


@dataclass(frozen=True, slots=True)
class Memo:
    """What is remembered of one tracked path: the whole, and each name below it (`b""` is the path itself).

    A directory's identity is its kind alone: its names are listed each time.
    """

    whole: Content
    entries: Mapping[bytes, tuple[Identity, str]]


def identity_of(kind: Kind, status: os.stat_result) -> Identity:
    """Return the identity of what `status` describes."""
    if kind is Kind.DIRECTORY:
        return Identity("d")
    return Identity(f"{kind[0]} {status.st_ino:x} {status.st_size:x} {status.st_mtime_ns:x} {status.st_ctime_ns:x}")


def is_settled(status: os.stat_result, now_ns: int) -> bool:
    """Whether a file looked at `now_ns` has been left alone for long enough that its times can be trusted."""
    return max(status.st_mtime_ns, status.st_ctime_ns) < now_ns - RACY_NS


def now_ns() -> int:
    """Return the wall clock, which file times are compared with."""
    return time.time_ns()


def read_memo(directory: str, path: RelPath) -> Memo | None:
    """Return the memo of a tracked path, or None where there is none that can be used."""
    try:
        with open(_file_of(directory, path), "rb") as file:
            lines = file.read().decode("ascii").split("\n")
        header, own, kind, size, ref, *rest = lines
        if header != _HEADER or own != path.hex() or rest.pop() != "end":
            return None
        entries = {}
        for line in rest:
            name, identity, known = line.split("|")
            entries[bytes.fromhex(name)] = (Identity(identity), known)
        return Memo(_content(Kind(kind), int(size), ref), entries)
    except (OSError, ValueError, IndexError):
        return None


def write_memo(directory: str, path: RelPath, memo: Memo) -> None:
    """Remember. A reader sees the old memo or the new one; a disk that refuses costs only the shortcut."""
    whole = memo.whole
    head = [_HEADER, path.hex(), str(whole.kind), str(whole.size), known_of(whole)]
    lines = [f"{name.hex()}|{identity}|{known}" for name, (identity, known) in memo.entries.items()]
    target = _file_of(directory, path)
    temp = f"{target}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(directory, exist_ok=True)
        with open(temp, "x", encoding="ascii") as file:
            file.write("\n".join([*head, *lines, "end"]))
        os.replace(temp, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temp)


def known_of(content: Content) -> str:
    """Return what a memo remembers of content: its digest, or the link's target in hex."""
    return content.digest or "l:" + (content.target or b"").hex()


def _content(kind: Kind, size: int, known: str) -> Content:
    if known.startswith("l:"):
        return Content(kind, size, target=bytes.fromhex(known[2:]))
    return Content(kind, size, digest=_digest(known))


def content_of(kind: Kind, status: os.stat_result, known: str) -> Content:
    """Return the content that a memo's entry stands for, for a file or a link with this `lstat`.

    Raises:
        ValueError: the memo is damaged.
    """
    return _content(kind, status.st_size, known)


def _digest(text: str) -> Digest:
    if len(text) != 67 or not text.startswith("b3:"):
        raise ValueError("not a digest")
    return Digest(text)


def _file_of(directory: str, path: RelPath) -> str:
    """Readable where that is possible, and never two paths in one file: the memo holds its path and is checked."""
    name = "".join(chr(b) if (chr(b).isalnum() and b < 128) or b in b"._-" else f"%{b:02x}" for b in path)
    if len(name) > 160:
        import zlib

        name = f"{name[:140]}~{zlib.crc32(path):08x}"
    return os.path.join(directory, name + ".memo")
