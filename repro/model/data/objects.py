"""What the ingredient packages ask of the store. An action hands them a cache that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest

Told = Callable[[int], None]
"""Hears how many more bytes were dealt with."""


class ObjectSource(Protocol):
    """Somewhere that objects can be read from."""

    def has(self, digest: Digest) -> bool:
        """Whether the object is here."""
        ...

    def open(self, ref: ObjectRef) -> BinaryIO:
        """Return a reader of the object's bytes, positioned at the start.

        The reader itself does not verify; `copy_to` and `read` do.

        Raises:
            MissingObject: it is not here.
        """
        ...

    def read(self, ref: ObjectRef) -> bytes:
        """Return a small object's bytes (a tree, a lock), verified against digest and size.

        Raises:
            MissingObject: it is not here.
            CorruptObject: its bytes or its length are not what `ref` says.
        """
        ...

    def copy_to(self, ref: ObjectRef, descriptor: int, told: Told | None = None) -> None:
        """Write the object's bytes to an open file descriptor, verified as they pass.

        `told` hears the bytes of each block of a large object.

        Raises:
            MissingObject, CorruptObject: as `read`; what was written is then to be thrown away.
        """
        ...


class ObjectSink(Protocol):
    """Somewhere that objects can be stored. Storing what is there already costs nothing."""

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Store bytes held in memory."""
        ...

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        """Store what can be read from an open file descriptor, in one pass, with flat memory.

        `told` hears the bytes of each block, all of them in the end.
        """
        ...
