"""How work-tree files may share bytes with the store: the ways, which files, how a link names its object."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.digest import Digest

LINK_FROM = 128 * 1024 + 1
"""Bytes from which a file is linked: above `repro.model.packs.pack.SMALL_LIMIT`, up to which an object may be a record
of a pack. There a copy costs about as much as a link, too, and leaves no read-only file."""


class Way(StrEnum):
    """A reflink is a file of its own that shares blocks; the others but `COPY` lead to the store's own file."""

    REFLINK = "reflink"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    COPY = "copy"


DEFAULT_WAYS = (Way.REFLINK, Way.COPY)


class Linker(Protocol):
    """Somebody who makes links to objects."""

    def link(self, ref: ObjectRef, name: bytes, folder: int) -> Way | None:
        """Make the new `name` in an open directory share the object's bytes, which are verified.

        Returns:
            The way it was done; None where a copy is to be made: then nothing was.

        Raises:
            MissingObject, CorruptObject, SizeLie: what was made is then to be removed.
        """
        ...


def is_linkable(content: Content) -> bool:
    """Whether content may be linked. An object's file is never executable, so an executable file is always a copy."""
    return content.kind is Kind.FILE and content.size >= LINK_FROM


def object_named_by(target: bytes) -> Digest | None:
    """Return the object that a symlink's target names, in whichever store: `/…/objects/ab/<62 hex digits>`."""
    parts = target.rsplit(b"/", 3)
    if len(parts) != 4 or not target.startswith(b"/") or parts[1] != b"objects":
        return None
    first, rest = parts[2], parts[3]
    if len(first) != 2 or len(rest) != 62 or any(byte not in b"0123456789abcdef" for byte in first + rest):
        return None
    return Digest(f"b3:{(first + rest).decode('ascii')}")
