"""A place whose files are encrypted here before they go there, names too; format.md, section "Encrypted remote"."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from io import BytesIO

from repro.errors import CannotProceed
from repro.model.remote_key import RemoteKey
from repro.store.encryption.file import (
    HEADER,
    SALT,
    SEALED,
    SEGMENT,
    FileCipher,
    TamperedFile,
    encrypted_blocks,
    opened_size,
    salt_of,
    tampered,
)
from repro.store.encryption.keys import DerivedKeys, derive_keys
from repro.store.encryption.marker import encrypted_mark, opened_mark
from repro.store.encryption.names import NameCipher
from repro.store.encryption.reader import DecryptingReader
from repro.store.files.temp_files import sweep, temp_file, write_all
from repro.store.remote.marker import MARK_LIMIT
from repro.store.remote.names import MARKER
from repro.store.storages.storage import Reader, Storage, StoredFile, Unfinished

_CIPHERS = 4096  # files whose salt is remembered, about 1 KiB each: ranged reads need it each time


class EncryptedStorage:
    """The `Storage` of a remote of which only the marker can be read without the key."""

    def __init__(self, inner: Storage, key: Callable[[], RemoteKey], scratch: str, shown: str) -> None:
        """Take a place; nothing is asked of it yet.

        Args:
            inner: where the encrypted files lie.
            key: gets the key; it is called once, when it is first needed.
            scratch: a folder of this machine for encrypted files that are to be sent.
            shown: the remote, for messages.
        """
        self._inner = inner
        self._key = key
        self._scratch = scratch
        self._shown = shown
        self._unlocking = threading.Lock()
        self._unlocked: tuple[DerivedKeys, NameCipher] | None = None
        self._ciphers: dict[str, FileCipher] = {}

    def is_file(self) -> bool:
        """Whether the place itself is a file."""
        return self._inner.is_file()

    def top_names(self) -> list[str]:
        """Return the names directly under the place, as they stand there."""
        return self._inner.top_names()

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Encrypt a local file into another, and put that under the name."""
        stored_as, cipher = self._name(name), self._new_cipher(name)
        folder = self._inner.workshop()
        if folder is None:
            folder = self._scratch
            sweep(folder)
        with temp_file(folder) as (descriptor, encrypted):
            _encrypt_file(path, descriptor, cipher)
            self._inner.put_file(stored_as, encrypted, move=True)
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Encrypt bytes, and put them under the name."""
        if name == MARKER:
            self._inner.put_bytes(MARKER, encrypted_mark(data, self._keys().check))
            return
        cipher = self._new_cipher(name)
        self._inner.put_bytes(self._name(name), b"".join(encrypted_blocks(BytesIO(data).read, cipher)))

    def open(self, name: str) -> Reader:
        """Return a reader of the decrypted bytes.

        Raises:
            TamperedFile: by a read; the file is not what was encrypted under its name.
            PlainRemote, WrongKey: the marker is that of a plain remote, or of another key's.
        """
        if name == MARKER:
            return BytesIO(self._mark())
        source = self._inner.open(self._name(name))
        return DecryptingReader(
            source, lambda header: self._cipher_of(name, header), lambda: self._cipher(name), name, self._shown
        )

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the decrypted bytes of a range, by one request (two for the first range of a file).

        Raises:
            TamperedFile: the file is not what was encrypted under its name.
        """
        if name == MARKER:
            return self._mark()[offset : offset + length]
        if length <= 0:
            return b""
        remembered = self._ciphers.get(name)
        try:
            return self._read_range(name, offset, length)
        except TamperedFile:
            if remembered is None or self._ciphers.pop(name, None) is None:
                raise
        return self._read_range(name, offset, length)  # somebody has written it again, with another salt

    def size(self, name: str) -> int:
        """Return the length of the decrypted file; 0 where no encrypted file is as long as what is there."""
        if name == MARKER:
            return len(self._mark())
        return opened_size(self._inner.size(self._name(name))) or 0

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the files below a folder by their decrypted names; what this key has not named is not among them."""
        return list(self._named(self._inner.entries_below(self._name(prefix))))

    def delete(self, name: str) -> None:
        """Remove a file."""
        self._ciphers.pop(name, None)
        self._inner.delete(self._name(name))

    def unfinished(self) -> list[Unfinished]:
        """Return what uploads have left, as it is called there."""
        return self._inner.unfinished()

    def drop(self, unfinished: Unfinished) -> None:
        """Remove what an upload has left."""
        self._inner.drop(unfinished)

    def workshop(self) -> str | None:
        """Return None: what is made there would be plain, and must not lie there."""
        return None

    def flush(self) -> None:
        """Return when what was written would survive a power cut."""
        self._inner.flush()

    def _named(self, entries: list[StoredFile]) -> Iterator[StoredFile]:
        decrypt = self._names().decrypt
        for entry in entries:
            name = decrypt(entry.name)
            if name is not None:
                yield StoredFile(name, opened_size(entry.size) or 0, entry.modified)

    def _read_range(self, name: str, offset: int, length: int) -> bytes:
        first, final = offset // SEGMENT, (offset + length - 1) // SEGMENT
        begin = HEADER + first * SEALED
        # One byte more than the segments: where it comes too, the last of them is not the file's last.
        wanted = (final - first + 1) * SEALED + 1
        if first == 0 and name not in self._ciphers:
            found = self._inner.read_range(self._name(name), 0, HEADER + wanted)
            cipher, sealed = self._cipher_of(name, found[:HEADER]), memoryview(found)[HEADER:]
        else:
            cipher = self._cipher(name)
            sealed = memoryview(self._inner.read_range(self._name(name), begin, wanted))
        if not sealed:
            self._check_end(name, cipher, offset)
            return b""
        ends = len(sealed) < wanted
        opened = b"".join(cipher.open_run(first, sealed if ends else sealed[:-1], ends))
        begins = offset - first * SEGMENT
        return opened[begins : begins + length]

    def _check_end(self, name: str, cipher: FileCipher, offset: int) -> None:
        """Refuse a file that ends before `offset`, unless it was made so.

        Raises:
            TamperedFile: its last segment is missing.
        """
        size = opened_size(self._inner.size(self._name(name)))
        if size is None or size > offset:
            raise tampered(name, self._shown)
        final = max(0, size - 1) // SEGMENT
        cipher.open(final, True, self._inner.read_range(self._name(name), HEADER + final * SEALED, SEALED))

    def _cipher(self, name: str) -> FileCipher:
        """Return the cipher of a file that is there."""
        found = self._ciphers.get(name)
        if found is None:
            found = self._cipher_of(name, self._inner.read_range(self._name(name), 0, HEADER))
        return found

    def _cipher_of(self, name: str, header: bytes) -> FileCipher:
        """Return the cipher for a file that has this header, and remember it.

        Raises:
            TamperedFile: no file that we made has such a header.
        """
        salt = salt_of(header)
        if salt is None:
            raise tampered(name, self._shown)
        if len(self._ciphers) >= _CIPHERS:
            self._ciphers.clear()
        self._ciphers[name] = found = FileCipher(self._keys().contents, name, salt, self._shown)
        return found

    def _new_cipher(self, name: str) -> FileCipher:
        self._ciphers.pop(name, None)
        return FileCipher(self._keys().contents, name, os.urandom(SALT), self._shown)

    def _name(self, name: str) -> str:
        return self._names().encrypt(name)

    def _mark(self) -> bytes:
        with self._inner.open(MARKER) as file:
            return opened_mark(file.read(MARK_LIMIT), self._keys().check, self._shown)

    def _keys(self) -> DerivedKeys:
        return self._unlock()[0]

    def _names(self) -> NameCipher:
        return self._unlock()[1]

    def _unlock(self) -> tuple[DerivedKeys, NameCipher]:
        with self._unlocking:  # a command that asks for a passphrase must not be called by each thread
            if self._unlocked is None:
                keys = derive_keys(self._key())
                self._unlocked = keys, NameCipher(keys.names)
            return self._unlocked


def _encrypt_file(path: str, descriptor: int, cipher: FileCipher) -> None:
    """Write a file's encrypted bytes to an open one.

    Raises:
        CannotProceed: this machine does not do it: the disk is full, the file cannot be read. No place refused.
    """
    try:
        with open(path, "rb", buffering=0) as source:
            for block in encrypted_blocks(source.read, cipher):
                write_all(descriptor, block)
    except OSError as error:
        raise CannotProceed(f"{path} could not be encrypted: {error.strerror or error}") from error
