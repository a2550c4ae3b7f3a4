"""Git's trees and object ids as values. Pure: nothing is read or written here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha1

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.names import name_to_text
from repro.model.pattern import pattern

MODE_FILE = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_SYMLINK = 0o120000
MODE_TREE = 0o040000
MODE_GITLINK = 0o160000

EMPTY_TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"

_ENTRY = pattern(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)


class BadGitObject(IntegrityError):
    """An object that is not what git would have written."""

    id = "bad-git-object"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a git tree; `oid` is the hex id of what it names."""

    mode: int
    name: bytes
    oid: bytes


def object_id(kind: bytes, data: bytes) -> bytes:
    """Return the hex id of an object; `kind` is b"blob", b"tree" or b"commit"."""
    digest = sha1(b"%s %d\0" % (kind, len(data)), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest().encode()


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the tree object for `entries`, in any order. Names are not checked."""
    ordered = sorted(entries, key=sort_key)
    return b"".join(b"%o %s\0%s" % (e.mode, e.name, bytes.fromhex(e.oid.decode())) for e in ordered)


def sort_key(entry: TreeEntry) -> bytes:
    """Git's order: a directory sorts as if its name ended in a slash."""
    return entry.name + b"/" if entry.mode == MODE_TREE else entry.name


def parse_tree(data: bytes) -> list[TreeEntry]:
    """Return the entries of a tree object as they stand; names and modes are not judged.

    Raises:
        BadGitObject: the bytes are not a sequence of entries.
    """
    entries = []
    position = 0
    while position < len(data):
        match = _ENTRY.match(data, position)
        if match is None:
            raise BadGitObject(f"a git tree is malformed at byte {position}")
        mode, name, oid = match.groups()
        entries.append(TreeEntry(int(mode, 8), name, oid.hex().encode()))
        position = match.end()
    return entries


def parse_packed_tree(data: bytes) -> dict[bytes, bytes]:
    """Return the entries of a tree object by name, each as git's index has it: 4 bytes of mode, 20 of the id.

    Raises:
        BadGitObject: the bytes are not a sequence of entries.
    """
    entries: dict[bytes, bytes] = {}
    modes: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        match = _ENTRY.match(data, position)
        if match is None:
            raise BadGitObject(f"a git tree is malformed at byte {position}")
        mode, name, oid = match.groups()
        if mode not in modes:
            modes[mode] = int(mode, 8).to_bytes(4)
        entries[name] = modes[mode] + oid
        position = match.end()
    return entries


@dataclass(frozen=True, slots=True)
class CommitHeader:
    """What of a commit decides anything here."""

    tree: bytes
    parents: tuple[bytes, ...]


_HEADER = pattern(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)author [^\n]*\ncommitter [^\n]*\n")


def parse_commit(data: bytes) -> CommitHeader:
    """Return a commit's tree and parents.

    Raises:
        BadGitObject: the bytes do not begin as a commit does.
    """
    match = _HEADER.match(data)
    if match is None:
        raise BadGitObject(f"an object that should be a commit begins with {name_to_text(data[:40])!r}")
    return CommitHeader(match[1], tuple(line[7:] for line in match[2].splitlines()))


def encode_commit(tree: bytes, parent: bytes | None, time: int, message: bytes) -> bytes:
    """Return a commit by repro itself: the same arguments give the same bytes everywhere.

    Args:
        tree: hex id.
        parent: hex id, or None for a root commit.
        time: seconds since 1970, UTC; author's and committer's.
        message: ends in a newline.
    """
    who = b"repro <repro@localhost> %d +0000\n" % time
    parents = b"parent %s\n" % parent if parent else b""
    return b"tree %s\n%sauthor %scommitter %s\n%s" % (tree, parents, who, who, message)
