"""A directory as an object. The bytes are specified in `docs/reference/format.md`, section "Tree"."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind
from repro.model.digest import Digest
from repro.model.names import MAX_NAME, check_name, may_hold_git_name, name_to_text
from repro.model.pattern import pattern

HEADER = b"repro-tree 1\0"
MAX_TARGET = 4095
MAX_SIZE = 2**63 - 1
MAX_DEPTH = 512

_LETTER = {Kind.FILE: b"f", Kind.EXECUTABLE: b"x", Kind.DIRECTORY: b"d", Kind.SYMLINK: b"l"}
_KIND = {letter: kind for kind, letter in _LETTER.items()}
_SIZE = pattern(rb"0|[1-9][0-9]{0,18}")
_HEX64 = pattern(rb"[0-9a-f]{64}")
_HEX = pattern(rb"(?:[0-9a-f]{2})+")
_FILE = pattern(rb"([fx]) (0|[1-9][0-9]{0,17}) ([0-9a-f]{64}) ([^\0/]{1,%d})\0" % MAX_NAME)
_FILE_BYTES = 69  # of an entry without its size and its name


class BadTree(IntegrityError):
    """Bytes that should be a tree are not, or name what no tree may name."""

    id = "bad-tree"


class Entry(NamedTuple):
    """One name in a directory."""

    name: bytes
    content: Content


def encode_tree(entries: Iterable[Entry]) -> bytes:
    """Return the tree object for `entries`, in any order.

    Raises:
        UnsafePath: a name that may not stand in a tree.
        BadTree: two entries have one name.
    """
    parts = []
    last = b""
    for entry in sorted(entries, key=lambda e: e.name):
        check_name(entry.name)
        if entry.name == last:
            raise BadTree(f"two entries of a directory are called {name_to_text(last)!r}")
        last = entry.name
        parts.append(encode_entry(entry.name, entry.content))
    return join_entries(parts)


def encode_entry(name: bytes, content: Content) -> bytes:
    """Return one name's bytes in a tree object; the name is taken as it is."""
    ref = content.digest[3:] if content.digest else (content.target or b"").hex()
    return b"%s %d %s %s\0" % (_LETTER[content.kind], content.size, ref.encode(), name)


def encode_file(name: bytes, size: int, hexadecimal: bytes, executable: bool) -> bytes:
    """Return what `encode_entry` returns for a file whose digest has these 64 hex digits, and faster."""
    return b"%s %d %s %s\0" % (b"x" if executable else b"f", size, hexadecimal, name)


def join_entries(entries: Iterable[bytes]) -> bytes:
    """Return the tree object of entries that are encoded: sorted, of different names that are checked."""
    return HEADER + b"".join(entries)


def decode_tree(data: bytes) -> tuple[Entry, ...]:
    """Return the entries of a tree object, sorted by name.

    Raises:
        BadTree: not a tree, a newer version, not canonical.
        UnsafePath: a name that may not stand in a tree.
    """
    if not data.startswith(HEADER):
        raise BadTree(_header_problem(data))
    if not data.endswith(b"\0"):
        raise BadTree("the tree is cut off: it does not end in a NUL byte")
    entries = _decode_files(data)
    if entries is None:
        entries = [_decode_entry(record) for record in data[len(HEADER) :].split(b"\0")[:-1]]
    for one, two in itertools.pairwise(entries):
        if one.name >= two.name:
            raise BadTree(f"the tree is not sorted, or names {name_to_text(two.name)!r} twice")
    return tuple(entries)


def total_size(entries: Iterable[Entry]) -> int:
    """Return the size in bytes that a directory with these entries has in its parent."""
    return sum(entry.content.size for entry in entries)


def _header_problem(data: bytes) -> str:
    version = re.match(rb"repro-tree (\d{1,9})\0", data)
    if version:
        return f"the tree has format version {version[1].decode()}, newer than this repro reads (1)"
    return "the object is not a tree"


def _decode_files(data: bytes) -> list[Entry] | None:
    """Return the entries of a tree of nothing but files with unremarkable names, as most are; None of any other.

    One search over all, as each entry alone takes twice the time.
    """
    found: list[tuple[bytes, bytes, bytes, bytes]] = _FILE.findall(data, len(HEADER))
    names = [name for _, _, _, name in found]
    length = len(HEADER) + sum(_FILE_BYTES + len(size) + len(name) for _, size, _, name in found)
    if length != len(data) or b"." in names or b".." in names or may_hold_git_name(b"\0".join(names)):
        return None
    return [
        Entry(name, Content(_KIND[letter], int(size), Digest("b3:" + ref.decode())))
        for letter, size, ref, name in found
    ]


def _decode_entry(record: bytes) -> Entry:
    fields = record.split(b" ", 3)
    if len(fields) != 4:
        raise BadTree(f"the tree entry {name_to_text(record[:80])!r} has not four fields")
    letter, size_text, ref, name = fields
    kind = _KIND.get(letter)
    if kind is None:
        raise BadTree(f"{_shown(name)!r} has the unknown kind {name_to_text(letter[:20])!r}")
    check_name(name)
    if not _SIZE.fullmatch(size_text) or int(size_text) > MAX_SIZE:
        raise BadTree(f"{_shown(name)!r} has the impossible size {name_to_text(size_text[:30])!r}")
    size = int(size_text)
    if kind is Kind.SYMLINK:
        return Entry(name, Content(kind, size, target=_decode_target(ref, size, _shown(name))))
    if not _HEX64.fullmatch(ref):
        raise BadTree(f"{_shown(name)!r} has no digest of 64 hex digits")
    return Entry(name, Content(kind, size, digest=Digest("b3:" + ref.decode())))


def _shown(name: bytes) -> str:
    return name_to_text(name[:300])


def _decode_target(ref: bytes, size: int, shown: str) -> bytes:
    if not _HEX.fullmatch(ref):
        raise BadTree(f"the symlink {shown!r} has no target")
    target = bytes.fromhex(ref.decode())
    if b"\0" in target or len(target) > MAX_TARGET:
        raise BadTree(f"the symlink {shown!r} has a target that no file system takes")
    if len(target) != size:
        raise BadTree(f"the symlink {shown!r} says {size} bytes and has {len(target)}")
    return target
