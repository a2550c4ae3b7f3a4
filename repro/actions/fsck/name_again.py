"""Indexes made again of packs whose records no index names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from repro.errors import IntegrityError
from repro.model.data.tree import decode_tree
from repro.model.dataclass import dataclass
from repro.model.digest import raw_of
from repro.model.packs.chunk_list import START_BYTES, parse_chunks, parse_list_start
from repro.model.packs.pack import HEAD_BYTES, SMALL_LIMIT, RecordKind, parse_head
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_places import place_bytes
from repro.model.packs.store_check import SoundObjects
from repro.store.checking.check_pack import CheckedPack, Read, SoundRecord
from repro.store.checking.pack_files import PackFiles
from repro.store.packs.records import unpack_object

_LONGEST_LIST = 64 * 1024 * 1024
"""Bytes of a chunk list that is held in memory: a terabyte's."""

Publish = Callable[[PackFile, Mapping[bytes, bytes]], None]
"""Write an index of a pack: `place_bytes` by digest."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record that may be named once all that it needs is."""

    pack: PackFile
    record: SoundRecord
    needs: tuple[bytes, ...]


def name_again(
    files: PackFiles, unnamed: Iterable[CheckedPack], sound: SoundObjects, publish: Publish, *, large: bool
) -> int:
    """Name the records of packs that no index names; return how many.

    A tree, and a list of chunks, is named only where everything that it names is there: who finds one looks no further.

    Args:
        files: where the packs are.
        unnamed: the packs, read, none of them damaged.
        sound: what is named already; grows by what is named now.
        publish: writes an index.
        large: name chunks and lists of them too, as on a remote.

    Raises:
        OSError, RemoteError: the place refuses.
    """
    waiting: list[_Waiting] = []
    count = 0
    for checked in unnamed:
        entries: dict[bytes, SoundRecord] = {}
        with files.open(checked.pack) as read:
            for record in _wanted(checked, sound, large):
                needs = _needs(read, record)
                if needs is None:
                    entries[record.digest] = record
                else:
                    waiting.append(_Waiting(checked.pack, record, needs))
        count += _publish(checked.pack, entries, sound, publish)
    return count + _name_parents(waiting, sound, publish)


def _wanted(checked: CheckedPack, sound: SoundObjects, large: bool) -> Iterator[SoundRecord]:
    for record in checked.records():
        if not large and (record.kind is RecordKind.CHUNKS or record.size > SMALL_LIMIT):
            continue
        if sound.size_of(record.digest) is None:
            yield record


def _name_parents(waiting: list[_Waiting], sound: SoundObjects, publish: Publish) -> int:
    ready: set[bytes] = set()
    chosen: defaultdict[PackFile, dict[bytes, SoundRecord]] = defaultdict(dict)
    before = -1
    while before != len(ready):
        before = len(ready)
        left = []
        for one in waiting:
            if all(digest in ready or sound.size_of(digest) is not None for digest in one.needs):
                if one.record.digest not in ready:
                    chosen[one.pack][one.record.digest] = one.record
                ready.add(one.record.digest)
            else:
                left.append(one)
        waiting = left
    return sum(_publish(pack, entries, sound, publish) for pack, entries in chosen.items())


def _publish(pack: PackFile, entries: Mapping[bytes, SoundRecord], sound: SoundObjects, publish: Publish) -> int:
    if not entries:
        return 0
    places = {
        digest: place_bytes(0, record.offset, record.size, record.stored, record.kind)
        for digest, record in entries.items()
    }
    publish(pack, places)
    for digest, record in entries.items():
        sound.add(digest, record.size)
    return len(entries)


def _needs(read: Read, record: SoundRecord) -> tuple[bytes, ...] | None:
    """Return the digests that a tree or a list of chunks names; None of any other object."""
    if not record.is_tree and record.kind is not RecordKind.CHUNKS:
        return None
    if record.stored > _LONGEST_LIST:
        return (record.digest,)  # never named: what it needs is not looked at
    data = read(record.offset, HEAD_BYTES + record.stored)
    payload = data[HEAD_BYTES:]
    try:
        if record.kind is RecordKind.CHUNKS:
            parse_list_start(payload[:START_BYTES], record.size, record.stored)
            return tuple(raw_of(digest) for digest, _ in parse_chunks(payload[START_BYTES:]))
        entries = decode_tree(unpack_object(parse_head(data[:HEAD_BYTES]), payload))
    except IntegrityError:
        return None  # it only begins as a tree does
    return tuple(raw_of(entry.content.digest) for entry in entries if entry.content.digest)
