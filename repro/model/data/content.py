"""What stands at a path: a file, an executable file, a directory (a tree) or a symbolic link."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.names import RelPath


class Kind(StrEnum):
    """The kinds of content that are kept. A fifo, socket or device is none of them."""

    FILE = "file"
    EXECUTABLE = "executable"
    DIRECTORY = "directory"
    SYMLINK = "symlink"


class ObjectRef(NamedTuple):
    """An object by its digest and its size in bytes. A tuple: a walk makes one for each file."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """What stands at one path.

    `size` is in bytes: of a file its length, of a directory the sum over all files below it, of a symlink
    the length of its target. `digest` names the file's bytes or the tree object and is None for a symlink;
    `target` is the link's raw target and None for everything else.
    """

    kind: Kind
    size: int
    digest: Digest | None = None
    target: bytes | None = None

    def __post_init__(self) -> None:
        if (self.kind is Kind.SYMLINK) != (self.digest is None) or (self.target is None) != (self.digest is not None):
            raise ValueError(f"a {self.kind} needs a {'target' if self.kind is Kind.SYMLINK else 'digest'}, not both")


@dataclass(frozen=True, slots=True)
class Item:
    """Content at a path inside the project: an input or an output of a run."""

    path: RelPath
    content: Content
