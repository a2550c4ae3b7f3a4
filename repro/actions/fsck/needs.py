"""Whether everything that records need is there: trees are followed, each sound one once."""

from __future__ import annotations

from typing import Protocol

from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry, total_size
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.packs.store_check import MENDABLE_KINDS, Need, SoundObjects, Trouble, Use
from repro.store.cache.object_files import ObjectPlace


class Mender(Protocol):
    """Brings an object back to a place, from somewhere that has the bytes."""

    children_first: bool
    """Whether a tree may only come to the place after all that is below it."""

    def mend(self, digest: Digest, size: int | None, need: Need | None, path: bytes, trouble: Trouble) -> str | None:
        """Put the object in its place, and say in words where it came from; None if nobody has it.

        Args:
            digest: what it must be.
            size: its length in bytes; None of a tree.
            need: for what it is needed, None where no record needs it.
            path: where it stands in the project.
            trouble: what is wrong with it.
        """
        ...

    def read_tree(self, digest: Digest) -> tuple[Entry, ...] | None:
        """Return a tree that the place lacks from where it could be brought from; None if it is not there."""
        ...


@dataclass(slots=True)
class NeedsCheck:
    """Holds what records need against what is there. `troubles` grows by what is missing."""

    files: ObjectPlace
    sound: SoundObjects
    troubles: dict[Digest, Trouble]
    mender: Mender | None = None
    findings: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    _whole: dict[Digest, int] = field(default_factory=dict)

    def check(self, need: Need) -> bool:
        """Whether all that a record needs is there, or could be brought back."""
        return self._look(need, need.path, need.root, 0)

    def _look(self, need: Need, path: bytes, root: Content | ObjectRef, depth: int) -> bool:
        if root.digest is None:
            return True
        if isinstance(root, Content) and root.kind is Kind.DIRECTORY:
            return self._directory(need, path, root.digest, root.size, depth)
        if root.digest not in self.troubles:
            found = self._size(root.digest)
            if found is not None:
                return self._fits(need, path, root.digest, root.size, found)
        return self._mend(need, path, root.digest, root.size)

    def _directory(self, need: Need, path: bytes, digest: Digest, size: int, depth: int) -> bool:
        if digest in self._whole:
            return self._fits(need, path, digest, size, self._whole[digest])
        there = digest not in self.troubles and self._size(digest) is not None
        late = not there and self.mender is not None and self.mender.children_first
        if not there and not late:
            there = self._mend(need, path, digest, None)
            if not there:
                return False
        entries = self._entries(need, path, digest, late, depth)
        if entries is None:
            return self._mend(need, path, digest, None)
        below = [self._look(need, path + b"/" + entry.name, entry.content, depth + 1) for entry in entries]
        if not self._fits(need, path, digest, size, total_size(entries)) or not all(below):
            if late:
                self._trouble(digest).note(Use(path, need.run, need.is_archived))
            return False
        if late and not self._mend(need, path, digest, None):
            return False
        self._whole[digest] = size
        return True

    def _entries(self, need: Need, path: bytes, digest: Digest, late: bool, depth: int) -> tuple[Entry, ...] | None:
        try:
            if depth > MAX_DEPTH:
                raise BadTree(f"{digest} is nested deeper than {MAX_DEPTH} levels")
            if late and self.mender is not None:
                return self.mender.read_tree(digest)
            return self.files.read_tree(digest)
        except IntegrityError as error:
            self.troubles.setdefault(digest, Trouble("bad-tree", error.message, digest))
            return None
        except OSError as error:
            what = f"{digest} cannot be read: {error.strerror}"
            self.troubles.setdefault(digest, Trouble("unreadable-object", what, digest))
            return None

    def _size(self, digest: Digest) -> int | None:
        """The index knows what the walk saw; what was added since is asked for."""
        size = self.sound.size(digest)
        return self.files.size(digest) if size is None else size

    def _fits(self, need: Need, path: bytes, digest: Digest, declared: int, found: int) -> bool:
        if declared == found:
            return True
        detail = f"{digest} has {found} bytes where the record says {declared}"
        self.findings.append(Finding("wrong-size", detail, name_to_text(path), need.run))
        return False

    def _trouble(self, digest: Digest) -> Trouble:
        what = f"{digest} is not in {self.files.shown}"
        return self.troubles.setdefault(digest, Trouble("missing-object", what, digest))

    def _mend(self, need: Need, path: bytes, digest: Digest, size: int | None) -> bool:
        """Note who needs an object that is missing or corrupt, and try to bring it back."""
        trouble = self._trouble(digest)
        trouble.note(Use(path, need.run, need.is_archived))
        return self._is_brought(trouble, digest, size, need, path)

    def mend_the_rest(self) -> None:
        """Try to bring back also the damaged objects that no record needs: another project's may."""
        for digest, trouble in list(self.troubles.items()):
            if not trouble.uses:
                self._is_brought(trouble, digest, None, None, b"")

    def _is_brought(self, trouble: Trouble, digest: Digest, size: int | None, need: Need | None, path: bytes) -> bool:
        if self.mender is None or trouble.kind not in MENDABLE_KINDS:
            return False
        kind = trouble.kind  # the mender may change it
        source = self.mender.mend(digest, size, need, path, trouble)
        if source is None:
            return False
        found = self.troubles.pop(digest).finding()
        self.repaired.append(Finding(kind, f"{found.detail}; taken from {source}", found.path, found.run))
        return True
