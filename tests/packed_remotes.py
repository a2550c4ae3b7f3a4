"""Remotes with packs and indexes of one's own making, which say what they are told to say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, RecordKind
from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.store.open_remote import open_remote
from repro.store.packs.records import Packed, pack_object
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote

Spot = tuple[int, int, int, RecordKind]


def pack_bytes(records: Iterable[tuple[Digest, Packed]]) -> tuple[bytes, dict[Digest, Spot]]:
    """A pack of records, and where they are in it."""
    data, spots = PACK_HEADER, {}
    for digest, packed in records:
        spots[digest] = (len(data), packed.size, len(packed.payload), packed.kind)
        data += packed.head + bytes(packed.payload)
    return data, spots


def put_index(remote: Remote, packs: Mapping[PackFile, Mapping[Digest, Spot]]) -> str:
    """Write an index and return what it is called."""
    entries = {
        bytes.fromhex(digest[3:]): place_bytes(number, *spot)
        for number, spots in enumerate(packs.values())
        for digest, spot in spots.items()
    }
    data = encode_index(list(packs), entries.items())
    remote.put_bytes(index_name(digest_of(data)), data)
    return index_name(digest_of(data))


def put_records(remote: Remote, records: Sequence[tuple[Digest, Packed]]) -> PackFile:
    """Write a pack of records, and an index of it."""
    data, spots = pack_bytes(records)
    pack = PackFile(digest_of(data), len(data))
    remote.put_bytes(pack_name(pack.digest), data)
    put_index(remote, {pack: spots})
    return pack


def put_objects(remote: Remote, objects: Iterable[bytes]) -> PackFile:
    """Write small objects into a pack, and an index of it."""
    return put_records(remote, [(digest_of(data), pack_object(digest_of(data), data)) for data in objects])


def indexes_in(folder: Path) -> list[PackIndex]:
    """The indexes of a remote in a directory."""
    return [PackIndex(path.read_bytes()) for path in sorted((folder / "indexes").glob("[0-9a-f]*"))]


def digests_in(folder: Path) -> set[Digest]:
    """What the indexes of a remote in a directory name."""
    return {digest for index in indexes_in(folder) for digest, _ in index.objects(range(index.count))}


def spoil(folder: Path, digest: Digest, at: int = HEAD_BYTES, cut: bool = False) -> Path:
    """Change a byte of an object's record (`at` counts from its head) or cut the pack there; return the pack."""
    for index in indexes_in(folder):
        place = index.find(digest)
        if place is not None:
            path = folder / pack_name(place.pack.digest)
            path.chmod(0o644)
            with path.open("r+b") as file:
                if cut:
                    os.truncate(file.fileno(), place.offset + at)
                    return path
                file.seek(place.offset + at)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
            return path
    raise AssertionError(f"no index names {digest}")


def put_in(folder: Path, data: bytes) -> Digest:
    """Write an object into a remote in a directory, where there is one already."""
    put_objects(open_remote(str(folder), {}), [data])
    return digest_of(data)


def object_in(folder: Path, digest: Digest) -> bytes:
    """The bytes of a small object in a remote in a directory."""
    objects = RemoteObjects(open_remote(str(folder), {}), str(folder.parent / "looking"))
    return objects.read(digest, 1 << 20)


def lose(folder: Path, digest: Digest) -> None:
    """Let no index of a remote in a directory name an object."""
    for path in sorted((folder / "indexes").glob("[0-9a-f]*")):
        index = PackIndex(path.read_bytes())
        entries = [(raw, place) for raw, place in index.raw_entries() if raw.hex() != digest[3:]]
        data = encode_index(index.packs, entries)
        path.unlink()
        (folder / index_name(digest_of(data))).write_bytes(data)
