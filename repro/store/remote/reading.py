"""Many objects of a remote read with few requests: by pack, neighbours together, several at a time, each verified."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_from, raw_of
from repro.model.packs.pack import HEAD_BYTES, BadPack, RecordKind
from repro.model.packs.pack_index_batches import BATCH
from repro.model.packs.pack_index_format import PackFile, Place
from repro.model.packs.ranges import Range, joined
from repro.store.object_faults import SizeLie
from repro.store.packs.marks import Marked, MarkedPack, Marks
from repro.store.packs.records import checked_head, unpack_object
from repro.store.parallel import Stop, run_in_order
from repro.store.remote.names import pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.storages.errors import CorruptRemoteObject, NotOnRemote

Take = Callable[[Digest, bytes], None]
TakePack = Callable[[MarkedPack, Stop], bool]


@dataclass(slots=True)
class Unread:
    """What could not be read as records."""

    missing: dict[Digest, None] = field(default_factory=dict)
    large: dict[Digest, int] = field(default_factory=dict)
    """Objects that are lists of chunks there, and their lengths."""
    faults: dict[Digest, CorruptRemoteObject] = field(default_factory=dict)
    """Objects of which no sound record is there."""


@dataclass(slots=True)
class _Done:
    """How one request went."""

    lost: list[Marked] = field(default_factory=list)
    broken: list[tuple[Marked, IntegrityError]] = field(default_factory=list)


def read_records(
    objects: RemoteObjects,
    wanted: Iterable[tuple[Digest, int | None]],
    take: Take,
    jobs: int,
    take_pack: TakePack | None = None,
) -> Unread:
    """Read objects, and give each to `take`, verified, in any order.

    Args:
        objects: of the remote.
        wanted: digest and length, None where that is not known.
        take: called in up to `jobs` threads, with an object and its bytes.
        jobs: requests at a time.
        take_pack: is offered each pack with what tells what is wanted of it, and may take all of that; likewise.

    Raises:
        SizeLie: an object has another length there.
        RemoteError: the remote cannot be reached, or refuses.
    """
    reading = _Reading(objects, take, take_pack)
    asked = iter(wanted)
    for first in asked:
        wanted = itertools.chain([first], asked)
        break
    else:
        return reading.unread  # and the remote is asked for nothing
    while wanted:
        marks = reading.marked(wanted)
        lost: list[tuple[Digest, int | None]] = []
        with contextlib.closing(run_in_order(_work, reading.pieces(marks), jobs)) as results:
            for done in results:
                for one in done.lost:
                    objects.lose(one.place.pack)
                lost += [(one.digest, one.place.size) for one in done.lost]
                lost += [reading.note(one, error) for one, error in done.broken]
        wanted = lost
    return reading.unread


_Piece = Callable[[Stop], _Done]


def _work(piece: _Piece, stop: Stop) -> _Done:
    stop.check()
    return piece(stop)


@dataclass(slots=True)
class _Reading:
    objects: RemoteObjects
    take: Take
    take_pack: TakePack | None
    unread: Unread = field(default_factory=Unread)
    bad: set[tuple[PackFile, int]] = field(default_factory=set)

    def marked(self, wanted: Iterable[tuple[Digest, int | None]]) -> Marks:
        """Find where the objects are."""
        marks = Marks(self.objects.indexes())
        sizes = dict[bytes, int | None]()
        for digest, size in wanted:
            raw = raw_of(digest)
            if len(sizes) >= BATCH or sizes.get(raw, size) != size:
                self._mark(marks, sizes)
                sizes = {}
            sizes[raw] = size
        self._mark(marks, sizes)
        return marks

    def _mark(self, marks: Marks, sizes: dict[bytes, int | None]) -> None:
        for raw, place, _ in marks.mark_all(sorted(sizes), self._is_usable):
            self._compare(raw, place, sizes.pop(raw))
        for raw, size in sizes.items():
            digest = digest_from(raw)
            place_of_list = self.objects.find(digest)
            if place_of_list is None or place_of_list.kind is not RecordKind.CHUNKS:
                if digest not in self.unread.faults:
                    self.unread.missing[digest] = None
                continue
            self._compare(raw, place_of_list, size)
            self.unread.large[digest] = place_of_list.size

    def _compare(self, raw: bytes, place: Place, size: int | None) -> None:
        if size not in (None, place.size):
            raise SizeLie(
                f"{self.objects.shown}: the object b3:{raw.hex()} has {place.size} bytes where {size} were declared"
            )

    def note(self, one: Marked, error: IntegrityError) -> tuple[Digest, int | None]:
        """Note a broken record; return what is to be looked for elsewhere on the remote."""
        self.bad.add((one.place.pack, one.place.offset))
        self.unread.faults.setdefault(one.digest, self.objects.corrupt(one.digest, one.place, error))
        return one.digest, one.place.size

    def pieces(self, marks: Marks) -> Iterator[_Piece]:
        for marked in marks.by_pack():
            if self.take_pack is not None and not self.bad:
                yield functools.partial(self._pack, marked)
            else:
                yield from self._ranges(marked.pack, marked.records())

    def _pack(self, marked: MarkedPack, stop: Stop) -> _Done:
        try:
            if self.take_pack is not None and self.take_pack(marked, stop):
                return _Done()
        except NotOnRemote:
            return _Done(lost=marked.records())
        done = _Done()
        for piece in self._ranges(marked.pack, marked.records()):
            stop.check()
            part = piece(stop)
            done.lost += part.lost
            done.broken += part.broken
        return done

    def _ranges(self, pack: PackFile, marked: list[Marked]) -> Iterator[_Piece]:
        for asked in joined(marked):
            yield functools.partial(self._range, pack, asked)

    def _range(self, pack: PackFile, asked: Range[Marked], stop: Stop) -> _Done:
        try:
            data = self.objects.remote.read_range(pack_name(pack.digest), asked.start, asked.end - asked.start)
        except NotOnRemote:
            return _Done(lost=list(asked.extents))
        view = memoryview(data)
        done = _Done()
        for one in asked.extents:
            stop.check()
            try:
                found = _unpacked(one, view[one.start - asked.start : one.end - asked.start])
            except IntegrityError as error:
                done.broken.append((one, error))
                continue
            self.take(one.digest, found)
            self.unread.faults.pop(one.digest, None)
        return done

    def _is_usable(self, place: Place) -> bool:
        return (
            place.kind is not RecordKind.CHUNKS
            and self.objects.is_there(place.pack)
            and (place.pack, place.offset) not in self.bad
        )


def _unpacked(one: Marked, record: memoryview) -> bytes:
    if len(record) != one.end - one.start:
        raise BadPack("the pack is cut off")
    head = checked_head(bytes(record[:HEAD_BYTES]), one.digest, one.place)
    return unpack_object(head, record[HEAD_BYTES:])
