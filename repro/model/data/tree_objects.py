"""What the data package asks of the store beyond `repro.model.data.objects`: trees, and comparing without storing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeGuard

from repro.model.data.content import Content, ObjectRef
from repro.model.data.objects import ObjectSink, ObjectSource
from repro.model.data.tree import BadTree, Entry, total_size
from repro.model.digest import Digest

MAX_TREE_BYTES = 512 * 1024 * 1024
"""The longest tree object in bytes, some five million names: a tree's own length is declared nowhere."""


class TreeSource(ObjectSource, Protocol):
    """Somewhere that whole directories can be read from."""

    def read_tree(self, digest: Digest) -> tuple[Entry, ...]:
        """Return the entries of a tree object, verified against its digest.

        Raises:
            MissingObject: it is not here.
            CorruptObject: its bytes are not what `digest` says.
            BadTree, UnsafePath: the object is no tree, or one that names what no tree may name.
        """
        ...

    def matches(self, ref: ObjectRef, descriptor: int) -> bool:
        """Whether what can be read from an open file descriptor is the object, which need not be here."""
        ...

    def holds(self, descriptor: int) -> bool:
        """Whether what can be read from an open file descriptor is here as an object."""
        ...

    def is_own_file(self, ref: ObjectRef, name: bytes, folder: int) -> bool:
        """Whether `name` in an open directory is a hard link to the object's own file."""
        ...

    def is_linked_by(self, target: bytes, ref: ObjectRef) -> bool:
        """Whether a symlink's target is the object's own file, and that is intact and not executable."""
        ...


class KnowingSink(ObjectSink, Protocol):
    """A sink that can say what it need not be given again."""

    def has(self, digest: Digest) -> bool:
        """Whether storing this object would change nothing."""
        ...


class BatchingSink(Protocol):
    """A sink that stores many objects more cheaply together than one by one."""

    def batch(self) -> AbstractContextManager[KnowingSink]:
        """Return a sink for the objects of one `with` block.

        They are in the store, to be read from it, once the block has ended without an error. The batch's `has` knows
        both those and what the store had.
        """
        ...


class Recalled(Protocol):
    """What a sink still has of what it had: asking for each object costs more than looking at its file."""

    def has_all(self, digests: bytes) -> bool:
        """Whether storing any of these objects, all of which it had once, would change nothing.

        Args:
            digests: 32 bytes of BLAKE3 each, without separator.
        """
        ...

    def witness(self) -> bytes:
        """Return what tells the sink the next time of all that it was asked for and has, and of what was stored."""
        ...


class RecallingSink(Protocol):
    """A sink that is told by a few bytes, kept beside the digests, what it need not look for one by one."""

    def recalling(self, witness: bytes) -> AbstractContextManager[Recalled]:
        """Return what answers during one `with` block, in which all that is stored belongs to the same content.

        Args:
            witness: what `Recalled.witness` returned when the digests that are to be asked for were remembered; nothing
                where that is not known.
        """
        ...


class Reading(Protocol):
    """Small files that are being read, and stored, by another process."""

    def digests(self) -> bytes | None:
        """Return the 32 bytes of BLAKE3 of each file, zeros for one that the other process could not read as it was
        seen; None where nobody has begun, and nobody will. It waits for them.

        Raises:
            OSError: the disk is full, or refuses.
            ReproError: the other process has ended.
        """
        ...


class SharingSink(ObjectSink, Protocol):
    """A sink that may have small files read and stored by other processes, where there are enough of them."""

    def share(self, folder: int, files: bytes, sizes: Sequence[int]) -> Reading | None:
        """Have these files read, or return None: then whoever asks reads them.

        Args:
            folder: the open directory that they are in; it stays open until the answer is there.
            files: which, for who reads them.
            sizes: their lengths in bytes.
        """
        ...


class AdoptingSink(ObjectSink, Protocol):
    """A sink that may take over a large file as it is, so that it is hashed and not copied.

    Who captures a file calls `hold` before reading it. Where that says yes, `add_descriptor` only hashes, and either
    `adopt` or `release` follows. All three may change the file's mode and ctime.
    """

    def hold(self, descriptor: int) -> bool:
        """Let nobody write to an open file any more, if it is one to take over, and nobody is writing; else False."""
        ...

    def adopt(self, descriptor: int, ref: ObjectRef) -> bool:
        """Store the file that is held, which was hashed to `ref`; return False where its bytes are others after all."""
        ...

    def release(self, descriptor: int) -> None:
        """Give up a file that is held."""
        ...


# A sink is asked by its methods' names: `isinstance` with a protocol costs a process `inspect` from Python 3.12 on.


def batches(sink: ObjectSink) -> TypeGuard[BatchingSink]:
    """Whether a sink is a `BatchingSink`."""
    return hasattr(sink, "batch")


def recalls(sink: ObjectSink) -> TypeGuard[RecallingSink]:
    """Whether a sink is a `RecallingSink`."""
    return hasattr(sink, "recalling")


def shares(sink: ObjectSink) -> TypeGuard[SharingSink]:
    """Whether a sink is a `SharingSink`."""
    return hasattr(sink, "share")


def adopts(sink: ObjectSink) -> TypeGuard[AdoptingSink]:
    """Whether a sink is an `AdoptingSink`."""
    return hasattr(sink, "hold")


class WrongSize(BadTree):
    """A directory's declared size is not the sum of what is in it."""

    id = "wrong-size"


def check_sum(content: Content, entries: tuple[Entry, ...], shown: str) -> None:
    """Compare a directory's declared size with the sum of its entries' sizes.

    Raises:
        WrongSize: they differ.
    """
    found = total_size(entries)
    if found != content.size:
        raise WrongSize(f"the directory {shown} says {content.size} bytes, and its entries add up to {found}")
