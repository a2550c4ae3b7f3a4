"""What a check of objects decides: which file is which object, what is wrong with it, and who needs it."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from repro.model.content import Content, ObjectRef
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.run_id import RunId

CORRUPT_KINDS = frozenset(("corrupt-object", "bad-tree", "wrong-size", "bad-manifest", "bad-rebuild", "bad-pointer"))
"""Findings that say that bytes are not what they should be: exit code 4."""

MENDABLE_KINDS = frozenset(("corrupt-object", "missing-object"))
"""What other bytes can heal. What cannot be read is not known to be wrong."""

_OBJECT = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")
_BYTES = 32
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One file among the objects, as it was found.

    `name` is relative to the store or the remote. `found` is what its bytes are, None where it could not be read
    or is no regular file: then `kind` and `problem` are what a finding says of it.
    """

    name: str
    found: ObjectRef | None
    kind: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One object, or a directory's tree with everything below it, that a record needs.

    `path` is relative to the project; `run` is None for tracked data. Where `is_data`, the path may stand in the
    work tree; `commit` is the commit that a code pack holds.
    """

    path: bytes
    root: Content | ObjectRef
    run: RunId | None = None
    is_data: bool = False
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Where an object stands: a path, of a run or (None) of the tracked data."""

    path: bytes
    run: RunId | None


@dataclass(slots=True)
class Trouble:
    """What is wrong with one object, and who needs it: the first few by name, the others by their number."""

    kind: str
    what: str
    name: str
    hint: str | None = None
    uses: list[Use] = field(default_factory=list)
    count: int = 0

    def note(self, use: Use) -> None:
        """Note that somebody needs the object."""
        self.count += 1
        if len(self.uses) < _SHOWN:
            self.uses.append(use)

    def finding(self) -> Finding:
        """Return what there is to say; path and run are those of the first who needs it."""
        run = next((use.run for use in self.uses if use.run), None)
        path = name_to_text(self.uses[0].path) if self.uses else self.name
        return Finding(self.kind, f"{self.what}; {self._concern()}", path, run, self.hint)

    def _concern(self) -> str:
        if not self.uses:
            return "no record that was read needs it"
        shown = [f"{name_to_text(use.path)} ({f'run {use.run}' if use.run else 'tracked'})" for use in self.uses]
        more = f" and {self.count - len(self.uses)} more" if self.count > len(self.uses) else ""
        return f"it is part of {', '.join(shown)}{more}"


class SoundObjects:
    """Digests and sizes of the objects that are what their names say, in 40 bytes each."""

    def __init__(self) -> None:
        self._digests = bytearray()
        self._sizes = array("Q")

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def total(self) -> int:
        """The sum of the sizes, in bytes."""
        return sum(self._sizes)

    def add(self, ref: ObjectRef) -> None:
        """Note an object.

        Raises:
            ValueError: its digest does not come after all that were noted before.
        """
        key = bytes.fromhex(ref.digest[3:])
        if self._digests and key <= self._digests[-_BYTES:]:
            raise ValueError("digests must be added in ascending order")
        self._digests += key
        self._sizes.append(ref.size)

    def size(self, digest: Digest) -> int | None:
        """Return the object's length in bytes, None where it was not noted."""
        key = bytes.fromhex(digest[3:])
        low, high = 0, len(self._sizes)
        while low < high:
            middle = (low + high) // 2
            if self._digests[middle * _BYTES : (middle + 1) * _BYTES] < key:
                low = middle + 1
            else:
                high = middle
        found = low < len(self._sizes) and self._digests[low * _BYTES : (low + 1) * _BYTES] == key
        return self._sizes[low] if found else None


def digest_in_name(name: str) -> Digest | None:
    """Return the digest that a file's name promises, None where it is no object's name."""
    match = _OBJECT.fullmatch(name)
    return Digest(f"b3:{match[1]}{match[2]}") if match else None


def trouble_with(looked: LookedAt) -> Trouble | None:
    """Return what is wrong with a file that has an object's name, None if its bytes are what the name says."""
    digest = digest_in_name(looked.name)
    if looked.found is None:
        return Trouble(looked.kind or "corrupt-object", f"{digest} {looked.problem}", looked.name)
    if looked.found.digest == digest:
        return None
    if looked.found.size == 0:
        return Trouble("corrupt-object", f"{digest} is an empty file", looked.name)
    what = f"{digest} has {looked.found.size} bytes of {looked.found.digest}"
    return Trouble("corrupt-object", what, looked.name)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 where there are no findings, 4 where bytes are not what they should be, else 1."""
    kinds: Collection[str] = {finding.kind for finding in findings}
    return 4 if CORRUPT_KINDS.intersection(kinds) else int(bool(kinds))
