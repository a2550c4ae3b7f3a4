"""Following what records need through trees, marking what is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from repro.errors import CannotProceed, IntegrityError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.progress import SILENT, Progress


class NeedsUnknown(CannotProceed):
    """A tree that is needed is damaged: what is below it could be taken for garbage."""

    id = "needs-unknown"


class MarkedPlace(Protocol):
    """Somewhere that garbage is collected: it knows what it has, and notes what is needed."""

    @property
    def shown(self) -> str:
        """What the place is called in messages."""
        ...

    def mark(self, digest: Digest) -> None:
        """Note that an object is needed, be it there or not."""
        ...

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        """Return the entries of a tree, None where it is not there.

        Raises:
            IntegrityError: it is damaged, or none.
        """
        ...

    def loss(self, digest: Digest) -> str | None:
        """How one knows, in words, that an object which is not there once was; None where it may never have been."""
        ...


@dataclass(slots=True)
class Marker:
    """Marks everything that is reachable from the roots, each object once."""

    place: MarkedPlace
    told: Progress = SILENT
    _looked: set[Digest] = field(default_factory=set)

    def mark_all(self, roots: Iterable[Content | ObjectRef]) -> None:
        """Mark roots and all that is below them.

        Raises:
            NeedsUnknown: a tree that is needed is damaged.
        """
        pending = list(roots)
        while pending:
            root = pending.pop()
            if root.digest is None:
                continue
            self.told.advance(0, 1)
            if isinstance(root, ObjectRef) or root.kind is not Kind.DIRECTORY:
                self.place.mark(root.digest)
            elif root.digest not in self._looked:
                # A file may have the bytes of a tree: that it was marked says nothing of what is below.
                self._looked.add(root.digest)
                self.place.mark(root.digest)
                pending += [entry.content for entry in self._entries(root.digest)]

    def _entries(self, digest: Digest) -> tuple[Entry, ...]:
        try:
            entries = self.place.read_tree(digest)
        except IntegrityError as error:
            raise self._unknown(digest, error.message) from error
        if entries is None and (reason := self.place.loss(digest)) is not None:
            raise self._unknown(digest, reason)
        return entries or ()

    def _unknown(self, digest: Digest, reason: str) -> NeedsUnknown:
        return NeedsUnknown(
            f"the tree {digest} in {self.place.shown} is needed and cannot be read, so what is below it is not known: "
            f"{reason}",
            "`repro fsck --repair` brings it back from who has it; nothing was deleted",
        )
