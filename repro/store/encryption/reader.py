"""Reading a file of an encrypted remote from its beginning, or from any offset on, with little memory."""

from __future__ import annotations

from collections.abc import Callable

from repro.store.encryption.file import BATCH, HEADER, SEALED, SEGMENT, FileCipher, tampered
from repro.store.storages.storage import Reader

_BLOCK = 1024 * 1024


class DecryptingReader:
    """A reader of the decrypted bytes. Each of them was authenticated, and so was their end."""

    def __init__(
        self,
        source: Reader,
        cipher_of: Callable[[bytes], FileCipher],
        known_cipher: Callable[[], FileCipher],
        name: str,
        shown: str,
    ) -> None:
        """Take an encrypted file that is not read yet.

        Args:
            source: reads the encrypted file; it may be told to `seek` before its first read.
            cipher_of: the cipher for a header.
            known_cipher: the file's cipher, for a reader that begins behind the header.
            name: the file's name, and
            shown: the remote, for messages.
        """
        self._source = source
        self._cipher_of = cipher_of
        self._known_cipher = known_cipher
        self._name = name
        self._shown = shown
        self._offset = 0
        self._cipher: FileCipher | None = None
        self._segment = 0
        self._ahead = bytearray()
        self._plain = memoryview(b"")
        self._source_ended = False
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only.

        Raises:
            TamperedFile: the file is not what was encrypted under its name.
            OSError: as the place has them.
        """
        if self._cipher is None:
            self._begin()
        while size > 0 and not self._plain and not self._ended:
            self._open_next()
        block = self._plain[:size].tobytes()
        self._plain = self._plain[len(block) :]
        return block

    def seek(self, offset: int, /) -> int:
        """Read on from `offset`; before the first read only."""
        self._offset = offset
        return offset

    def __enter__(self) -> DecryptingReader:
        self._source.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._source.__exit__(None, None, None)

    def _begin(self) -> None:
        if not self._offset:
            header = self._source.read(HEADER)
            while 0 < len(header) < HEADER and (more := self._source.read(HEADER - len(header))):
                header += more
            self._cipher = self._cipher_of(header)
            return
        # From the segment of the byte before: at the very end it tells that the file does end there.
        self._segment = (self._offset - 1) // SEGMENT
        self._cipher = self._known_cipher()
        self._source.seek(HEADER + self._segment * SEALED)
        skipped = self._offset - self._segment * SEGMENT
        self._open_next()
        if skipped > len(self._plain):
            raise tampered(self._name, self._shown)
        self._plain = self._plain[skipped:]

    def _open_next(self) -> None:
        """Decrypt what comes next, at most 1 MiB. A segment is not the last if a byte follows it."""
        while not self._source_ended and len(self._ahead) <= BATCH * SEALED:
            block = self._source.read(_BLOCK)
            self._source_ended = not block
            self._ahead += block
        whole = min(len(self._ahead), BATCH * SEALED)
        ends = self._source_ended and whole == len(self._ahead)
        if not whole:
            raise tampered(self._name, self._shown)  # it ended after a segment that was not the last
        assert self._cipher is not None
        with memoryview(self._ahead) as ahead, ahead[:whole] as sealed:
            opened = self._cipher.open_run(self._segment, sealed, ends)
        del self._ahead[:whole]
        self._segment += len(opened)
        self._plain = memoryview(b"".join(opened))
        self._ended = ends
