"""A remote's pack read from its beginning to its end, record by record."""

from __future__ import annotations

from collections.abc import Generator

from repro.model.packs.pack import HEAD_BYTES, PACK_HEADER, BadPack, RecordHead, is_pack_header, parse_head
from repro.model.packs.pack_index_format import PackFile
from repro.store.remote.names import pack_name
from repro.store.remote.remote import Remote

_STEP = 8 * 1024 * 1024


def all_records(remote: Remote, pack: PackFile) -> Generator[tuple[int, RecordHead, bytes], None, None]:
    """Yield all records: offset, head, payload, which is not verified.

    Raises:
        NotOnRemote: the pack is not there.
        BadPack: what is there is none; the records before were yielded.
        RemoteError: the remote cannot be reached, or refuses.
    """
    buffer, start, at = b"", 0, 0  # `buffer` begins at `start` of the file

    def need(length: int) -> bytes:
        nonlocal buffer, start
        if at + length > start + len(buffer):
            buffer = buffer[at - start :]
            start = at
            wanted = max(length, _STEP) - len(buffer)
            buffer += remote.read_range(pack_name(pack.digest), at + len(buffer), wanted)
        found = buffer[at - start : at - start + length]
        if len(found) != length:
            raise BadPack("the pack is cut off")
        return found

    if not is_pack_header(need(len(PACK_HEADER))):
        raise BadPack("the file is no pack, or of another format version than this repro reads (1)")
    at = len(PACK_HEADER)
    while at < pack.length:
        head = parse_head(need(HEAD_BYTES))
        if at + HEAD_BYTES + head.stored > pack.length:
            raise BadPack(f"the record at {at} is longer than the pack")
        at += HEAD_BYTES
        payload = need(head.stored)
        at += head.stored
        yield at - HEAD_BYTES - head.stored, head, payload
