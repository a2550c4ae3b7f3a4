"""A remote on a server that is reached by SSH, through its SFTP service.

By asyncssh and not by fsspec's sshfs, which is built on it: what is written must be flushed and then renamed over
another file, every answer needs a limit of time, and a read must begin where the last one broke off.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from repro.store.storages.directory import TEMP_PREFIX
from repro.store.storages.errors import UnsupportedRemote
from repro.store.storages.sftp_connection import SftpConnection
from repro.store.storages.storage import StoredFile, Unfinished

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from asyncssh import SFTPAttrs, SFTPClient, SFTPClientFile

_BLOCK = 1024 * 1024
"""Bytes of one exchange, which has `READ_TIMEOUT` seconds: a thin line that many threads share must manage it. Within
it, asyncssh has up to 64 requests under way."""


class SftpStorage:
    """Files under one directory of a server, which is made at the first write."""

    def __init__(self, url: str) -> None:
        """Take `ssh://[USER@]HOST[:PORT]/PATH`, `/~/PATH` being below the home there; nothing is asked yet.

        Raises:
            UnsupportedRemote: the URL has no meaning, or asyncssh is not installed.
        """
        from urllib.parse import unquote, urlsplit

        try:
            parts = urlsplit(url)
            host, port = _host_of(parts), parts.port
        except ValueError as error:
            raise UnsupportedRemote(f"this is no URL: {error}", "like this: ssh://USER@HOST/PATH") from error
        path = unquote(parts.path).rstrip("/").removeprefix("/~/")
        if not host or not path or parts.password is not None:
            raise UnsupportedRemote(
                "an ssh:// remote has a host and a path, and no password", "like this: ssh://USER@HOST/PATH"
            )
        try:
            import asyncssh  # noqa: F401 (that it is there is all that is asked)
        except ImportError as error:
            raise UnsupportedRemote(
                "a remote at ssh:// needs a package that is not installed", "pip install 'repro-run[ssh]'"
            ) from error
        self._root = path
        self._made: set[str] = set()
        self._connection = SftpConnection(host, port, unquote(parts.username) if parts.username else None)

    def is_file(self) -> bool:
        """Whether there is a file where the directory should be."""
        try:
            found = self._connection.call(lambda sftp: sftp.stat(self._root))
        except FileNotFoundError:
            return False
        return _is_regular(found)

    def top_names(self) -> list[str]:
        """Return the names in the directory, without what a killed write left."""
        return sorted(name for name, _ in self._entries(self._root) if not name.startswith(TEMP_PREFIX))

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Copy a file, and rename the copy to its name."""
        with open(path, "rb") as file:
            self._put(name, iter(lambda: file.read(_BLOCK), b""))
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write a file beside, and rename it to its name."""
        self._put(name, [data])

    def open(self, name: str) -> SftpReader:
        """Return a reader, which opens the file at its first read."""
        return SftpReader(self._connection, self._path(name))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes of a range, and know by the file's size that they are all."""
        with _opened(self._connection, self._path(name), "rb") as (session, file):
            found, size = self._connection.call(lambda _: _range_and_size(file, offset, min(length, _BLOCK)), session)
            wanted = min(length, max(0, size - offset))
            while 0 < len(found) < wanted:
                step = min(_BLOCK, wanted - len(found))
                more = self._connection.call(_reading(file, offset + len(found), step), session)
                if not more:
                    break
                found += more
        if len(found) != wanted:
            raise ConnectionError(f"{wanted} bytes from {offset} on were asked for, and {len(found)} came")
        return bytes(found)

    def size(self, name: str) -> int:
        """Return the file's length."""
        found = self._connection.call(lambda sftp: sftp.stat(self._path(name)))
        if not _is_regular(found) or found.size is None:
            raise FileNotFoundError(self._path(name))
        return found.size

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the regular files below a subdirectory."""
        found = []
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            for name, attributes in self._entries(self._path(folder)):
                if name.startswith(TEMP_PREFIX):
                    continue
                if stat.S_ISDIR(attributes.permissions or 0):
                    waiting.append(f"{folder}/{name}")
                elif _is_regular(attributes):
                    found.append(StoredFile(f"{folder}/{name}", attributes.size or 0, float(attributes.mtime or 0)))
        return found

    def delete(self, name: str) -> None:
        """Remove a file."""
        with contextlib.suppress(FileNotFoundError):
            self._connection.call(lambda sftp: sftp.remove(self._path(name)))

    def unfinished(self) -> list[Unfinished]:
        """Return the temporary files."""
        found = []
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            for name, attributes in self._entries(folder):
                path = f"{folder}/{name}"
                if stat.S_ISDIR(attributes.permissions or 0):
                    waiting.append(path)
                elif name.startswith(TEMP_PREFIX):
                    found.append(Unfinished(path, attributes.size or 0, float(attributes.mtime or 0)))
        return found

    def drop(self, unfinished: Unfinished) -> None:
        """Remove a temporary file."""
        with contextlib.suppress(FileNotFoundError):
            self._connection.call(lambda sftp: sftp.remove(unfinished.name))

    def workshop(self) -> None:
        """There is none."""

    def flush(self) -> None:
        """Nothing to do: each file was flushed before it got its name, where the server can."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _entries(self, folder: str) -> list[tuple[str, SFTPAttrs]]:
        try:
            entries = self._connection.call(lambda sftp: sftp.readdir(folder))
        except FileNotFoundError:
            return []
        named = ((os.fsdecode(entry.filename), entry.attrs) for entry in entries)
        return [(name, attributes) for name, attributes in named if name not in (".", "..")]

    def _put(self, name: str, blocks: Iterable[bytes]) -> None:
        path = self._path(name)
        folder = os.path.dirname(path)
        if folder not in self._made:
            self._connection.call(lambda sftp: sftp.makedirs(folder, exist_ok=True))
            self._made.add(folder)
        temp = f"{folder}/{TEMP_PREFIX}{os.urandom(8).hex()}"
        try:
            self._write(temp, blocks)
            self._connection.call(lambda sftp: _rename_over(sftp, temp, path))
        except BaseException:
            with contextlib.suppress(OSError):
                self._connection.call(lambda sftp: sftp.remove(temp))
            raise

    def _write(self, path: str, blocks: Iterable[bytes]) -> None:
        """Write a new file; it is on the server's disk, at its full length, when this returns."""
        written = 0
        with _opened(self._connection, path, "xb") as (session, file):
            for block in blocks:
                self._connection.call(_writing(file, block), session)
                written += len(block)
            found = self._connection.call(lambda _: _flushed_size(file), session)
        if found != written:
            raise ConnectionError(f"{written} bytes were sent, and {found} are stored")


class SftpReader:
    """A file of a server, read from any offset on."""

    def __init__(self, connection: SftpConnection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._offset = 0
        self._closing = contextlib.ExitStack()
        self._opened: tuple[SFTPClient, SFTPClientFile] | None = None

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end only."""
        if self._opened is None:
            self._opened = self._closing.enter_context(_opened(self._connection, self._path, "rb"))
        session, file = self._opened
        block = self._connection.call(lambda _: file.read(size, self._offset), session)
        self._offset += len(block)
        return cast(bytes, block)

    def seek(self, offset: int, /) -> int:
        """Read on from `offset`."""
        self._offset = offset
        return offset

    def __enter__(self) -> SftpReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


@contextlib.contextmanager
def _opened(connection: SftpConnection, path: str, mode: str) -> Iterator[tuple[SFTPClient, SFTPClientFile]]:
    """Yield an open file and the session that it belongs to."""

    async def opening(sftp: SFTPClient) -> tuple[SFTPClient, SFTPClientFile]:
        return sftp, await sftp.open(path, mode, encoding=None)

    session, file = connection.call(opening)
    try:
        yield session, file
    finally:
        with contextlib.suppress(OSError):  # with a lost connection the server has closed it
            connection.call(lambda _: file.close(), session)


def _writing(file: SFTPClientFile, block: bytes) -> Callable[[SFTPClient], Awaitable[int]]:
    return lambda _: file.write(block)


def _reading(file: SFTPClientFile, offset: int, length: int) -> Callable[[SFTPClient], Awaitable[bytes]]:
    return lambda _: cast("Awaitable[bytes]", file.read(length, offset))


async def _range_and_size(file: SFTPClientFile, offset: int, length: int) -> tuple[bytearray, int]:
    found, attributes = await asyncio.gather(file.read(length, offset), file.stat())
    return bytearray(cast(bytes, found)), attributes.size or 0


async def _flushed_size(file: SFTPClientFile) -> int | None:
    from asyncssh import SFTPOpUnsupported

    with contextlib.suppress(SFTPOpUnsupported):  # an extension of OpenSSH, which most servers have
        await file.fsync()
    return (await file.stat()).size


async def _rename_over(sftp: SFTPClient, temp: str, path: str) -> None:
    """Rename, over what is there. Without OpenSSH's extension SFTP cannot: then what is there goes first."""
    from asyncssh import SFTPNoSuchFile, SFTPOpUnsupported

    try:
        await sftp.posix_rename(temp, path)
    except SFTPOpUnsupported:
        with contextlib.suppress(SFTPNoSuchFile):
            await sftp.remove(path)
        await sftp.rename(temp, path)


def _host_of(parts: SplitResult) -> str:
    """Return the host in its own case, which aliases of `~/.ssh/config` have."""
    name = parts.hostname or ""
    place = parts.netloc.rpartition("@")[2]
    start = place.lower().find(name)
    return place[start : start + len(name)]


def _is_regular(attributes: SFTPAttrs) -> bool:
    return stat.S_ISREG(attributes.permissions or 0)
