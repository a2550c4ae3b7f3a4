"""A pack from its first byte to its last, without an index: what is in it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from repro.model.dataclass import dataclass
from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, BadPack, RecordHead, is_pack_header, parse_head


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record: where its head begins, and what that says."""

    offset: int
    head: RecordHead


def scan_heads(file: BinaryIO, length: int) -> Iterator[FoundRecord]:
    """Yield the records of a pack by their heads; payloads are passed over.

    Args:
        file: the pack, at its start.
        length: its bytes.

    Raises:
        BadPack: it is none, or cut off; what came before was yielded.
    """
    if not is_pack_header(file.read(len(PACK_HEADER))):
        raise BadPack("the file is no pack, or of another format version than this repro reads (1)")
    offset = len(PACK_HEADER)
    while offset < length:
        head = parse_head(file.read(HEAD_BYTES))
        end = offset + HEAD_BYTES + head.stored
        if end > length:
            raise BadPack(f"the pack is cut off in the record at {offset}")
        yield FoundRecord(offset, head)
        file.seek(end)
        offset = end
