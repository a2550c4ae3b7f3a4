"""A pack read from its first byte to its last, for who checks a store: which of its records are what they say."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from repro.model.data.tree import HEADER
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, raw_of
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, BadPack, RecordHead, RecordKind, is_pack_header, parse_head
from repro.model.packs.pack_index_format import PackFile
from repro.store.files.hashing import finish, new_hasher
from repro.store.packs.records import PayloadCheck, check_of, unpack_object

Read = Callable[[int, int], bytes]
"""Bytes of a pack from an offset on, as many as are asked for, or as there are."""

_STEP = 4 * 1024 * 1024
_RECORD = struct.Struct("<32sQQIBB")


@dataclass(frozen=True, slots=True)
class SoundRecord:
    """A record that is what it says. `is_tree`: its object begins as a tree does; not known from a quick check."""

    digest: bytes
    offset: int
    size: int
    stored: int
    kind: RecordKind
    is_tree: bool


@dataclass(slots=True)
class CheckedPack:
    """What is in a pack: `pack` is its name and its length; `problem` is what no single record explains.

    `damaged` says by its offset what is wrong with a record.
    """

    pack: PackFile
    damaged: dict[int, str] = field(default_factory=dict)
    problem: str | None = None
    _records: bytearray = field(default_factory=bytearray)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.damaged and self.problem is None

    def note(self, offset: int, head: RecordHead, is_tree: bool) -> None:
        """Note a sound record: in 54 bytes, as there may be a hundred thousand."""
        digest = raw_of(head.digest)
        self._records += _RECORD.pack(digest, offset, head.size, head.stored, head.kind, is_tree)

    def records(self) -> Iterator[SoundRecord]:
        """Yield the sound records in their order."""
        for digest, offset, size, stored, kind, is_tree in _RECORD.iter_unpack(self._records):
            yield SoundRecord(digest, offset, size, stored, RecordKind(kind), bool(is_tree))


def check_pack(
    pack: PackFile,
    read: Read,
    told: Callable[[int], None],
    after: Callable[[int], int | None],
    *,
    quick: bool,
) -> CheckedPack:
    """Read a pack once, in order, and say what is in it.

    Args:
        pack: its name, and the length that the file has.
        read: gives its bytes; called with rising offsets, but for a damaged pack.
        told: hears the bytes of each block.
        after: where, as far as an index knows, the next record begins after a damaged one at an offset.
        quick: compare XXH3 only, neither objects nor the pack with their BLAKE3.
    """
    window = _Window(pack.length, read, told, hashed=not quick)
    checked = CheckedPack(pack)
    try:
        if pack.length < len(PACK_HEADER):
            checked.problem = f"the file is cut off: it has {pack.length} bytes"
        elif not is_pack_header(window.take(0, len(PACK_HEADER))):
            checked.problem = "the file is no pack, or of another format version than this repro reads (1)"
        at: int | None = len(PACK_HEADER) if checked.problem is None else after(0)
        while at is not None and at < pack.length:
            at = _next(checked, window, at, after, quick)
    except EOFError:
        checked.problem = "it became shorter while it was read"
    digest = window.digest()
    if checked.is_sound and digest not in (None, pack.digest):
        checked.problem = f"its bytes are those of {digest}, though each record is sound"
    return checked


def _next(
    checked: CheckedPack, window: _Window, at: int, after: Callable[[int], int | None], quick: bool
) -> int | None:
    """Check the record at an offset; return where the next one begins, None where that is not known."""
    end: int | None = None
    try:
        if checked.pack.length - at < HEAD_BYTES:
            raise BadPack("it is cut off in its head")
        start = window.take(at, HEAD_BYTES)
        head = parse_head(start)
        end = at + HEAD_BYTES + head.stored
        if end > checked.pack.length:
            end = None
            raise BadPack("it is longer than the pack is")
        checked.note(at, head, _is_tree(window, at, start, head, quick))
    except BadPack as error:
        known = after(at)
        checked.damaged[at] = error.message
        return end if known is None else known
    return end


def _is_tree(window: _Window, at: int, start: bytes, head: RecordHead, quick: bool) -> bool:
    """Whether the object begins as a tree does.

    Raises:
        BadPack: the record is damaged.
    """
    if head.kind is RecordKind.CHUNKS:
        check = PayloadCheck(head)
        for offset in range(0, head.stored, _STEP):
            check.update(window.take(at + HEAD_BYTES + offset, min(_STEP, head.stored - offset)))
        if not check.agrees():
            raise BadPack("its bytes do not agree with its check")
        return False
    payload = window.take(at + HEAD_BYTES, head.stored)
    if check_of(start[: HEAD_BYTES - 8], payload) != head.check:
        raise BadPack("its bytes do not agree with its check")
    return False if quick else unpack_object(head, payload).startswith(HEADER)


class _Window:
    """The part of a pack that is held. What passes for the first time is hashed."""

    def __init__(self, length: int, read: Read, told: Callable[[int], None], *, hashed: bool) -> None:
        self._length = length
        self._read = read
        self._told = told
        self._hasher = new_hasher() if hashed else None
        self._passed = 0  # how much was read, and hashed
        self._start = 0
        self._buffer = b""

    def take(self, at: int, length: int) -> bytes:
        """Return bytes of the pack; EOFError where there are fewer."""
        if at < self._start:
            found = self._read(at, length)
        else:
            while at + length > self._passed:
                self._more(at)
            found = self._buffer[at - self._start : at - self._start + length]
        if len(found) != length:
            raise EOFError
        return found

    def digest(self) -> Digest | None:
        """Return the digest of the whole, of which the rest is read; None where it was not asked for."""
        if self._hasher is None:
            return None
        try:
            while self._passed < self._length:
                self._more(self._passed)
        except EOFError:
            return finish(self._hasher)
        return finish(self._hasher)

    def _more(self, keep: int) -> None:
        """Read the next block, and hold nothing of what is before `keep`."""
        block = self._read(self._passed, _STEP)
        if not block:
            raise EOFError
        if self._hasher is not None:
            self._hasher.update(block)
        self._told(len(block))
        kept = self._buffer[max(0, keep - self._start) :]
        self._start = self._passed - len(kept)
        self._buffer = kept + block
        self._passed += len(block)
