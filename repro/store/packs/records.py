"""Records of packs: an object's bytes packed as small as pays, and unpacked, compared with their digest."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Protocol

from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import (
    HEAD_BYTES,
    MAX_RECORD,
    BadPack,
    RecordHead,
    RecordKind,
    check_bytes,
    head_start,
    parse_head,
)
from repro.model.packs.pack_index_format import Place

LEVEL = 3
"""zstd's default level: on numeric text 2.5 times smaller, at some 70 to 200 MB/s a core."""

_SAMPLE = 8 * 1024
_SMALL_SAMPLE = 2 * 1024
_WORTH_TRYING = 128  # bytes: below, a frame's own head eats what it saves
_PAYS = 0.9  # what does not shrink to this does not pay for its decompression
_HOPELESS = 0.97  # a small sample that shrinks to no less is of what is compressed, encrypted or random


class _Hasher(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def intdigest(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Packed:
    """A record that is ready to be written: its head, its payload, and the object's size in bytes."""

    head: bytes
    payload: bytes | memoryview
    kind: RecordKind
    size: int


def pack_object(digest: Digest, data: bytes | memoryview) -> Packed:
    """Return the record of an object or a chunk, compressed where a sample of it shows that it pays.

    Args:
        digest: of `data`.
        data: at most `MAX_RECORD` bytes.
    """
    if len(data) > MAX_RECORD:
        raise ValueError(f"a record holds at most {MAX_RECORD} bytes")
    payload = _compressed(data)
    if payload is None:
        return _packed(RecordKind.RAW, len(data), digest, data)
    return _packed(RecordKind.ZSTD, len(data), digest, payload)


def pack_chunk_list(ref: ObjectRef, chunks: bytes) -> Packed:
    """Return the record of a large object as the list of its chunks."""
    return _packed(RecordKind.CHUNKS, ref.size, ref.digest, chunks)


def unpack_object(head: RecordHead, payload: bytes | memoryview) -> bytes:
    """Return the bytes of an object or a chunk, compared with the digest in the record's head.

    Raises:
        BadPack: the payload does not unpack to them.
    """
    data = bytes(payload) if head.kind is RecordKind.RAW else _decompressed(head, payload)
    if len(data) != head.size or digest_of(data) != head.digest:
        raise BadPack(f"the record of {head.digest} holds other bytes")
    return data


def split_record(record: bytes | memoryview, digest: Digest) -> tuple[RecordHead, memoryview]:
    """Return head and payload of a record that was read from where an index says `digest` lies.

    Raises:
        BadPack: it is cut off, or of another object.
    """
    view = memoryview(record)
    head = parse_head(bytes(view[:HEAD_BYTES]))
    if head.digest != digest:
        raise BadPack(f"where the index names {digest}, the pack has {head.digest}")
    payload = view[HEAD_BYTES:]
    if len(payload) != head.stored:
        raise BadPack(f"the record of {digest} is cut off: {len(payload)} of {head.stored} bytes")
    return head, payload


def checked_head(data: bytes, digest: Digest, place: Place) -> RecordHead:
    """Return the head of a record, if it is what an index says of it.

    Raises:
        BadPack: it is none, or another.
    """
    head = parse_head(data)
    if (head.digest, head.size, head.stored, head.kind) != (digest, place.size, place.stored, place.kind):
        raise BadPack(f"the index names {digest} there, and the record is another")
    return head


class PayloadCheck:
    """The check of a record whose payload comes in parts."""

    def __init__(self, head: RecordHead) -> None:
        """Begin with what stands before the payload."""
        self._wanted = head.check
        self._hasher = _xxh3()(head_start(head.kind, head.size, head.stored, bytes.fromhex(head.digest[3:])))

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the payload."""
        self._hasher.update(data)

    def agrees(self) -> bool:
        """Whether the payload is the one that the head was written for."""
        return self._hasher.intdigest() == self._wanted


def check_of(start: bytes, payload: bytes | memoryview) -> int:
    """Return the XXH3-64 that stands in a head for its first 56 bytes and the payload."""
    hasher = _xxh3()(start)
    hasher.update(payload)
    return int(hasher.intdigest())


def _packed(kind: RecordKind, size: int, digest: Digest, payload: bytes | memoryview) -> Packed:
    start = head_start(kind, size, len(payload), bytes.fromhex(digest[3:]))
    return Packed(start + check_bytes(check_of(start, payload)), payload, kind, size)


def _compressed(data: bytes | memoryview) -> bytes | None:
    """Return one zstd frame of the data, None where a sample of it, or the frame, shows that it does not pay."""
    size = len(data)
    if size < _WORTH_TRYING:
        return None
    codec = _codec()
    if size > 2 * _SAMPLE:
        if len(codec.quick(_sample(data, _SAMPLE))) > _PAYS * _SAMPLE:
            return None
    elif size > 2 * _SMALL_SAMPLE and len(codec.quick(_sample(data, _SMALL_SAMPLE))) > _HOPELESS * _SMALL_SAMPLE:
        return None
    frame = codec.compress(data)
    return frame if len(frame) < _PAYS * size else None


def _sample(data: bytes | memoryview, length: int) -> bytes:
    # One half from the middle: a file's first kilobytes are often a header unlike the rest.
    middle = len(data) // 2
    return b"".join((data[: length // 2], data[middle : middle + length // 2]))


def _decompressed(head: RecordHead, payload: bytes | memoryview) -> bytes:
    import zstandard

    try:
        # The library takes as much memory as the frame says: what it says is to be what the head says.
        if zstandard.get_frame_parameters(payload).content_size != head.size:
            raise BadPack(f"the record of {head.digest} declares another length than its frame")
        return _codec().decompress(payload)
    except zstandard.ZstdError as error:
        raise BadPack(f"the record of {head.digest} does not decompress: {error}") from None


class _Codec(threading.local):
    """zstd's contexts, which cost ten times a small frame to make, and serve one thread each."""

    def __init__(self) -> None:
        import zstandard

        self.quick: Callable[[bytes], bytes] = zstandard.ZstdCompressor(level=1).compress
        self.compress: Callable[[bytes | memoryview], bytes] = zstandard.ZstdCompressor(level=LEVEL).compress
        self.decompress: Callable[[bytes | memoryview], bytes] = zstandard.ZstdDecompressor().decompress


@functools.cache
def _codec() -> _Codec:
    return _Codec()


@functools.cache
def _xxh3() -> Callable[[bytes], _Hasher]:
    from xxhash import xxh3_64

    return xxh3_64
