"""What a process that packs files for another one is told, and what it answers.

A message is a byte of kind, the length of what follows (32 bits, little-endian), and that. Both ends are of one
version, on one machine.

| to it | |
|---|---|
| `READ` | files, for who reads them; the open directory comes along |
| `KEEP` | of the files read first of those not yet spoken of, a byte for each: whether it is packed |
| `TAKE` | a byte: whether the pack that is not full is ended, too |

| from it | |
|---|---|
| `READY` | it has started |
| `DIGESTS` | of the files of a `READ`: 32 bytes for each, zeros for one that was not read |
| `PACKS` | the packs that were taken |
| `FAILED` | the system's error that ended the work: number, text, path |
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence

from repro.model.digest import Digest
from repro.model.packs.pack_index_format import PackFile
from repro.store.packs.writer import WrittenPack

READ, KEEP, TAKE = b"r", b"k", b"t"
READY, DIGESTS, PACKS, FAILED = b"y", b"d", b"p", b"f"

_HEAD = struct.Struct("<cI")
_PACK = struct.Struct("<32sQII")
_ROOM = 256 * 1024
"""Bytes of a socket's buffers: all that is under way at a time, so that neither end waits for the other to read."""


class Ended(Exception):
    """The other end is gone."""


class Connection:
    """One end. `is_midway` says that a message was left half sent or half read: then no other can follow."""

    def __init__(self, end: socket.socket) -> None:
        """Take a stream socket."""
        self.end = end
        self.is_midway = False
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, _ROOM)

    def send(self, kind: bytes, data: bytes = b"", folder: int | None = None) -> None:
        """Send a message, with an open directory.

        Raises:
            Ended: nobody will read it.
        """
        self.is_midway = True
        message = _HEAD.pack(kind, len(data)) + data
        try:
            if folder is not None:
                sent = socket.send_fds(self.end, [message], [folder])
                message = message[sent:]
            self.end.sendall(message)
        except ConnectionError:
            raise Ended from None
        self.is_midway = False

    def receive(self) -> tuple[bytes, bytes, int | None]:
        """Wait for a message; return its kind, what is in it, and the open directory, which is the caller's.

        Raises:
            Ended: there will be none.
        """
        self.is_midway = True
        try:
            start, folders, _, _ = socket.recv_fds(self.end, _HEAD.size, 1)
        except ConnectionError:
            raise Ended from None
        if not start:
            raise Ended
        start += self._read(_HEAD.size - len(start))
        kind, length = _HEAD.unpack(start)
        data = self._read(length)
        self.is_midway = False
        return kind, data, folders[0] if folders else None

    def _read(self, length: int) -> bytes:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            try:
                count = self.end.recv_into(view)
            except ConnectionError:
                raise Ended from None
            if not count:
                raise Ended
            view = view[count:]
        return bytes(data)


def encode_packs(packs: Sequence[WrittenPack]) -> bytes:
    """Return what `PACKS` holds."""
    parts = []
    for pack in packs:
        path, digest = os.fsencode(pack.path), bytes.fromhex(pack.file.digest[3:])
        parts += [_PACK.pack(digest, pack.file.length, len(path), len(pack.entries)), path, pack.entries]
    return b"".join(parts)


def decode_packs(data: bytes) -> list[WrittenPack]:
    """Return the packs again."""
    packs, at = [], 0
    while at < len(data):
        digest, length, path_length, entries_length = _PACK.unpack_from(data, at)
        middle = at + _PACK.size + path_length
        path = os.fsdecode(data[at + _PACK.size : middle])
        at = middle + entries_length
        packs.append(WrittenPack(PackFile(Digest("b3:" + digest.hex()), length), path, data[middle:at]))
    return packs


def encode_failure(error: OSError) -> bytes:
    """Return what `FAILED` holds."""
    number = error.errno or 0
    return b"\0".join((b"%d" % number, os.fsencode(error.strerror or ""), os.fsencode(error.filename or "")))


def decode_failure(data: bytes) -> OSError:
    """Return the error again."""
    number, text, path = data.split(b"\0", 2)
    return OSError(int(number), os.fsdecode(text), os.fsdecode(path) or None)
