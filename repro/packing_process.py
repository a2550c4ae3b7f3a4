"""A process that reads small files for another one, and packs those that it is told to keep.

It decides nothing: which files, which of them are stored, and what becomes of the packs, which it leaves in temporary
files, is said to it. It ends when the other process has ended, and removes what nobody took.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections import deque

from repro.data.files_to_read import decode_files, read_as_seen
from repro.data.memo_records import NO_DIGEST
from repro.model.digest import digest_from
from repro.store.packs.packing_messages import (
    DIGESTS,
    FAILED,
    KEEP,
    PACKS,
    READ,
    READY,
    Connection,
    Ended,
    encode_failure,
    encode_packs,
)
from repro.store.packs.records import pack_object
from repro.store.packs.series import remove_written
from repro.store.packs.stream import PackStream
from repro.store.packs.writer import WrittenPack


def main(folder: str) -> None:
    """Serve whoever is at the other end of the socket that is the standard input, until he is gone.

    Args:
        folder: for the packs in the making.
    """
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as end:
        connection = Connection(end)
        stream = PackStream(folder)
        packing = _Packing(connection, stream)
        try:
            connection.send(READY)
            packing.serve()
        except Ended:
            pass
        except OSError as error:
            with contextlib.suppress(Ended):
                connection.send(FAILED, encode_failure(error))
        finally:
            stream.close()
            remove_written(packing.taken)  # a pack that was named is not there any more


class _Packing:
    def __init__(self, connection: Connection, stream: PackStream) -> None:
        from blake3 import blake3

        self._connection = connection
        self._stream = stream
        self._hash = blake3
        self._read: deque[list[tuple[bytes, bytes]]] = deque()
        self.taken: list[WrittenPack] = []
        """What was handed over last: whoever took it may have ended before he named it."""

    def serve(self) -> None:
        """Do what is said.

        Raises:
            Ended: nobody says anything any more.
            OSError: the disk is full, or refuses.
        """
        while True:
            kind, data, folder = self._connection.receive()
            if kind == READ:
                assert folder is not None  # it comes along
                self._files(data, folder)
            elif kind == KEEP:
                self._keep(data)
            else:
                self.taken = self._stream.take() if data == b"\1" else self._stream.take_complete()
                self._connection.send(PACKS, encode_packs(self.taken))

    def _files(self, files: bytes, folder: int) -> None:
        read = []
        try:
            for name, row in decode_files(files):
                data = read_as_seen(name, row, folder)
                read.append((NO_DIGEST, b"") if data is None else (self._hash(data).digest(), data))
        finally:
            os.close(folder)
        self._read.append(read)
        self._connection.send(DIGESTS, b"".join([digest for digest, _ in read]))

    def _keep(self, which: bytes) -> None:
        for (raw, data), is_kept in zip(self._read.popleft(), which, strict=True):
            if is_kept:
                digest = digest_from(raw)
                self._stream.add(digest, pack_object(digest, data))
