"""How one file of an encrypted remote looks; specified in `docs/reference/format.md`, section "Encrypted remote".

A header with a random salt, then segments of 64 KiB, each sealed by AES-256-GCM under a key that belongs to this
file, with its number and "this is the last" as nonce. The construction is STREAM (Hoang, Reyhanitabar, Rogaway and
Vizár, 2015), as age and Tink have it: a segment that is changed, missing, doubled, moved, or from another file
does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from repro.errors import IntegrityError
from repro.store.encryption.keys import hkdf

MAGIC = b"repro-encrypted1"
SALT = 32
HEADER = len(MAGIC) + SALT
SEGMENT = 64 * 1024
TAG = 16
SEALED = SEGMENT + TAG
"""Bytes of a sealed segment that is not the last."""

BATCH = 16
"""Segments that are sealed or opened at a time: 1 MiB."""

_INFO = b"repro-encrypted-file 1\0"


class TamperedFile(IntegrityError):
    """A file of an encrypted remote is not what was encrypted under its name; nothing of it was used."""

    id = "tampered-file"


def sealed_size(size: int) -> int:
    """Return the length of the encrypted file for a file of `size` bytes."""
    return HEADER + size + TAG * max(1, -(-size // SEGMENT))


def opened_size(size: int) -> int | None:
    """Return how many bytes an encrypted file of `size` bytes holds; None where no encrypted file is so long."""
    full, rest = divmod(size - HEADER, SEALED)
    if full < 0 or (rest == 0 and full == 0) or 0 < rest < TAG or (rest == TAG and full):
        return None
    return full * SEGMENT + max(0, rest - TAG)


class FileCipher:
    """Seals and opens the segments of one file. Safe to be used by several threads."""

    def __init__(self, contents: bytes, name: str, salt: bytes, shown: str = "a remote") -> None:
        """Derive the file's key.

        Args:
            contents: the remote's key for contents, 32 bytes.
            name: what the file is called in the remote, in plain; its segments open under no other name.
            salt: 32 bytes, random for each file that is written.
            shown: the remote, for messages.
        """
        key = hkdf(contents, salt, _INFO + name.encode("ascii"), 32)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.header = MAGIC + salt
        self._aead = AESGCM(key)
        self._name = name
        self._shown = shown

    def seal(self, index: int, last: bool, data: bytes | memoryview) -> bytes:
        """Return the sealed segment number `index`, of at most 64 KiB."""
        return self._aead.encrypt(_nonce(index, last), data, None)  # type: ignore[arg-type, unused-ignore]

    def open(self, index: int, last: bool, data: bytes | memoryview) -> bytes:
        """Return what is in a sealed segment.

        Raises:
            TamperedFile: it is not the segment of this file that it should be.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._aead.decrypt(_nonce(index, last), data, None)  # type: ignore[arg-type, unused-ignore]
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag
            raise tampered(self._name, self._shown) from None

    def open_run(self, first: int, data: bytes | memoryview, ends: bool) -> list[bytes]:
        """Return what is in segments that follow one another, from number `first` on.

        Args:
            first: the number of the first.
            data: whole sealed segments; only the last may be shorter.
            ends: whether the file ends with them.

        Raises:
            TamperedFile: one of them is not what it should be.
        """
        view = memoryview(data)
        return [
            self.open(first + at // SEALED, ends and at + SEALED >= len(view), view[at : at + SEALED])
            for at in range(0, len(view), SEALED)
        ]


def tampered(name: str, shown: str) -> TamperedFile:
    """Return the error that names the file."""
    return TamperedFile(
        f"{name} in {shown} was changed, cut short or exchanged: it does not decrypt",
        "`repro fsck --remote NAME --repair` writes it again where its contents are here",
    )


def salt_of(header: bytes) -> bytes | None:
    """Return the salt in a header; None where the bytes are no header of version 1."""
    return header[len(MAGIC) :] if len(header) == HEADER and header.startswith(MAGIC) else None


def encrypted_blocks(read: Callable[[int], bytes], cipher: FileCipher) -> Iterator[bytes]:
    """Yield the encrypted file, in blocks of about 1 MiB.

    Args:
        read: gives the file's next bytes, at most as many as it is asked for; none at the end.
        cipher: with a salt of its own.
    """
    yield cipher.header
    index = 0
    block = _filled(read)
    while True:
        following = _filled(read) if len(block) == BATCH * SEGMENT else b""
        view = memoryview(block)
        starts = range(0, max(1, len(block)), SEGMENT)
        yield b"".join(
            cipher.seal(index + at // SEGMENT, not following and at == starts[-1], view[at : at + SEGMENT])
            for at in starts
        )
        if not following:
            return
        index += BATCH
        block = following


def _filled(read: Callable[[int], bytes]) -> bytes:
    """Return the next `BATCH` segments, fewer only at the end."""
    wanted = BATCH * SEGMENT
    block = read(wanted)
    while block and len(block) < wanted:
        more = read(wanted - len(block))
        if not more:
            break
        block += more
    return block


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\1" if last else b"\0")
