"""What a check of objects decides: which file is which object, what is wrong with it, and who needs it."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping

from repro.model.data.content import Content, ObjectRef
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_places import place_size
from repro.model.pattern import pattern
from repro.model.run_id import RunId

CORRUPT_KINDS = frozenset(
    (
        "corrupt-object",
        "corrupt-pack",
        "corrupt-index",
        "bad-tree",
        "wrong-size",
        "bad-manifest",
        "bad-rebuild",
        "bad-pointer",
        "bad-condemned",
    )
)
"""Findings that say that bytes are not what they should be: exit code 4."""

MENDABLE_KINDS = frozenset(("corrupt-object", "missing-object"))
"""What other bytes can heal. What cannot be read is not known to be wrong."""

_OBJECT = pattern(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")
_BYTES = 32
_BUCKETS = 256
_ENTRY = struct.Struct("<32sQ")
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

    `path` is relative to the project, or a file's name in an archived environment (`is_archived`); `run` is None for
    these files and for tracked data. Where `is_data`, the path may stand in the work tree; `commit` is the commit that
    a code pack holds.
    """

    path: bytes
    root: Content | ObjectRef
    run: RunId | None = None
    is_data: bool = False
    commit: str | None = None
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Where an object stands: a path, of a run, or (None) of the tracked data or of an archived environment."""

    path: bytes
    run: RunId | None
    is_archived: bool = False

    def shown(self) -> str:
        """Return it for people."""
        where = f"run {self.run}" if self.run else "archived environment" if self.is_archived else "tracked"
        return f"{name_to_text(self.path)} ({where})"


@dataclass(slots=True)
class Trouble:
    """What is wrong with one object, and who needs it: the first few by name, the others by their number.

    `chunk` is what is wrong of a large object, if that is one chunk.
    """

    kind: str
    what: str
    name: str
    hint: str | None = None
    chunk: Digest | None = None
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
        shown = [use.shown() for use in self.uses]
        more = f" and {self.count - len(self.uses)} more" if self.count > len(self.uses) else ""
        return f"it is part of {', '.join(shown)}{more}"


def note_uses_of_chunks(troubles: Mapping[Digest, Trouble], large: Iterable[Trouble]) -> None:
    """Note of chunks who needs them: whoever needs the large objects that they are part of."""
    for trouble in large:
        if trouble.chunk is not None and trouble.chunk in troubles:
            for use in trouble.uses:
                troubles[trouble.chunk].note(use)


class SoundObjects:
    """Digests and sizes of the objects that are what their names say: in a byte each, where an index says the same of
    them, and else in 40."""

    def __init__(self) -> None:
        self._index: PackIndex | None = None
        self._marks = bytearray()
        self._marked_bytes = 0
        self._buckets = [bytearray() for _ in range(_BUCKETS)]  # by the digest's first byte
        self._unsorted: set[int] = set()

    def know(self, index: PackIndex) -> None:
        """Take an index of what may be added, before anything is."""
        self._index = index
        self._marks = bytearray(index.count)

    def __len__(self) -> int:
        self._sort_all()
        return self._marks.count(1) + sum(map(len, self._buckets)) // _ENTRY.size

    @property
    def total(self) -> int:
        """The sum of the sizes, in bytes."""
        self._sort_all()
        total: int = sum(size for bucket in self._buckets for _, size in _ENTRY.iter_unpack(bucket))
        return total + self._marked_bytes

    def add(self, digest: bytes, size: int) -> None:
        """Note an object by the 32 bytes of its digest; again is no matter."""
        found = self._known(digest)
        if found is not None and found[1] == size:
            at = found[0]
            self._marked_bytes += 0 if self._marks[at] else size
            self._marks[at] = 1
            return
        self._buckets[digest[0]] += _ENTRY.pack(digest, size)
        self._unsorted.add(digest[0])

    def size(self, digest: Digest) -> int | None:
        """Return the object's length in bytes, None where it was not noted."""
        return self.size_of(bytes.fromhex(digest[3:]))

    def size_of(self, key: bytes) -> int | None:
        """As `size`, by the 32 bytes."""
        found = self._known(key)
        if found is not None and self._marks[found[0]]:
            return found[1]
        if key[0] in self._unsorted:
            self._sort(key[0])
        bucket = self._buckets[key[0]]
        low, high = 0, len(bucket) // _ENTRY.size
        while low < high:
            middle = (low + high) // 2
            if bucket[middle * _ENTRY.size : middle * _ENTRY.size + _BYTES] < key:
                low = middle + 1
            else:
                high = middle
        if bucket[low * _ENTRY.size : low * _ENTRY.size + _BYTES] != key:
            return None
        return int(_ENTRY.unpack_from(bucket, low * _ENTRY.size)[1])

    def _known(self, key: bytes) -> tuple[int, int] | None:
        """Return the index's entry of an object, and the length that it says, None where it has none."""
        at = None if self._index is None else self._index.position_of(key)
        return None if self._index is None or at is None else (at, place_size(self._index.raw_place(at)))

    def _sort_all(self) -> None:
        for number in list(self._unsorted):
            self._sort(number)

    def _sort(self, number: int) -> None:
        self._unsorted.discard(number)
        unique = dict(_ENTRY.iter_unpack(self._buckets[number]))
        self._buckets[number] = bytearray().join(_ENTRY.pack(key, unique[key]) for key in sorted(unique))


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
