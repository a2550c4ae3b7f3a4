"""Several indexes made one, with flat memory: lookups cost per index, and small ones add up."""

from __future__ import annotations

import heapq
import os
from array import array
from collections.abc import Callable, Iterator, Sequence

from repro.model.digest import Digest
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import PREFIXES, index_start
from repro.model.packs.pack_places import moved_place, place_pack
from repro.store.files.hashing import BLOCK, finish, new_hasher
from repro.store.files.temp_files import temp_file, write_all

_READ_AT_ONCE = 32_768
"""Entries of all indexes together, two megabytes."""

_READ_AT_LEAST = 64


def merge_indexes(
    indexes: Sequence[PackIndex], target: int, folder: str, keep: Callable[[PackFile], bool] = lambda pack: True
) -> Digest:
    """Write one index with all that `indexes` name in packs that are kept, to an open file; return its digest.

    Args:
        indexes: at least one.
        target: a descriptor, open for writing.
        folder: for temporary files.
        keep: whether a pack is to stay; what only others hold is left out.

    Raises:
        BadIndex: one of them says what cannot be.
        OSError: the disk is full, or refuses.
    """
    packs = sorted({pack for index in indexes for pack in index.packs if keep(pack)}, key=lambda pack: pack.digest)
    counts = array("Q", bytes(8 * PREFIXES))
    output = _Hashed(target)
    with temp_file(folder) as (digests, _), temp_file(folder) as (places, _):
        one, two = _Buffered(digests), _Buffered(places)
        for digest, place in _merged(indexes, packs):
            counts[digest[0] << 8 | digest[1]] += 1
            one.write(digest)
            two.write(place)
        one.finish()
        two.finish()
        output.write(index_start(packs, counts))
        for part in (digests, places):
            os.lseek(part, 0, os.SEEK_SET)
            while block := os.read(part, BLOCK):
                output.write(block)
    return output.digest()


def _merged(indexes: Sequence[PackIndex], packs: Sequence[PackFile]) -> Iterator[tuple[bytes, bytes]]:
    """Yield each digest once, with its first place in a pack of `packs`."""
    positions = {pack: position for position, pack in enumerate(packs)}
    at_once = max(_READ_AT_LEAST, _READ_AT_ONCE // len(indexes)) if indexes else 0
    streams = [_moved(index, [positions.get(pack, -1) for pack in index.packs], at_once) for index in indexes]
    last = b""
    for digest, place in heapq.merge(*streams):
        if digest != last:
            yield digest, place
            last = digest


def _moved(index: PackIndex, positions: Sequence[int], at_once: int) -> Iterator[tuple[bytes, bytes]]:
    for digest, place in index.raw_entries(at_once):
        if positions[place_pack(place, len(positions))] >= 0:
            yield digest, moved_place(place, positions)


class _Buffered:
    """Small writes made large ones."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BLOCK:
            self.finish()

    def finish(self) -> None:
        write_all(self._descriptor, bytes(self._buffer))
        self._buffer.clear()


class _Hashed:
    """A file whose digest is known when it is written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._hasher = new_hasher()

    def write(self, data: bytes) -> None:
        self._hasher.update(data)
        write_all(self._descriptor, data)

    def digest(self) -> Digest:
        return finish(self._hasher)
