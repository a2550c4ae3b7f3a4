"""A remote behind any other URL that fsspec takes."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any, BinaryIO

from repro.store.storages.directory import TEMP_PREFIX
from repro.store.storages.errors import UnsupportedRemote
from repro.store.storages.storage import Reader, StoredFile, Unfinished

# Here one request makes one object, whole or not at all. Everywhere else a file grows under its name while it
# is written, so it is written under another name and moved.
_ATOMIC_PUT = {"adl", "oss"}

_MODIFIED = ("mtime", "last_modified", "LastModified", "updated", "modified")


class FsspecStorage:
    """Files under one URL."""

    def __init__(self, url: str) -> None:
        """Connect as far as fsspec does.

        Raises:
            UnsupportedRemote: fsspec does not know the URL's kind, or cannot load it.
        """
        import fsspec

        scheme = url.split("://", 1)[0]
        try:
            found, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            hint = f"install what fsspec needs: {error}"
            raise UnsupportedRemote(f"a remote at {scheme}:// needs a package that is not installed", hint) from error
        except ValueError as error:
            raise UnsupportedRemote(
                f"{scheme}:// is no kind of remote that is known",
                "use a directory, or a URL such as file://, s3://, gs://, az:// or ssh://",
            ) from error
        self._fs: Any = found
        self._root = str(root).rstrip("/")
        self._scheme = scheme

    def is_file(self) -> bool:
        """Whether the URL names a file."""
        info = self._info(self._root) if self._root else None
        return info is not None and info["type"] == "file"

    def top_names(self) -> list[str]:
        """Return the names directly below the URL."""
        return sorted(str(entry["name"]).rstrip("/").rsplit("/", 1)[-1] for entry in self._children(self._root))

    def put_file(self, name: str, path: str, move: bool = False) -> None:
        """Upload a file."""
        if self._scheme == "memory":
            with open(path, "rb") as file:
                self.put_bytes(name, file.read())
        elif self._scheme in _ATOMIC_PUT:
            self._fs.put_file(path, self._path(name))
        else:
            temp = self._temp(name)
            self._fs.put_file(path, temp)
            self._fs.mv(temp, self._path(name))
        if move:
            os.unlink(path)

    def put_bytes(self, name: str, data: bytes) -> None:
        """Upload bytes."""
        if self._scheme == "memory" or self._scheme in _ATOMIC_PUT:
            self._fs.pipe_file(self._path(name), data)
        else:
            temp = self._temp(name)
            self._fs.pipe_file(temp, data)
            self._fs.mv(temp, self._path(name))

    def open(self, name: str) -> Reader:
        """Return a reader."""
        path = self._path(name)
        if self._scheme == "memory":  # its open files share one position: another thread would move it
            return io.BytesIO(self._fs.cat_file(path))
        file: BinaryIO = self._fs.open(path, "rb")
        return file

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Return the bytes of a range, and know by the file's size that they are all."""
        size = self.size(name)  # of a range beyond the end, some kinds make an error
        end = min(offset + length, size)
        if end <= offset:
            return b""
        found: bytes = self._fs.cat_file(self._path(name), start=offset, end=end)
        if len(found) != end - offset:
            raise ConnectionError(f"{end - offset} bytes were asked for, and {len(found)} came")
        return found

    def size(self, name: str) -> int:
        """Return the length, as the place says now and not as a listing remembered it."""
        info = self._info(self._path(name))
        if info is None or info["type"] != "file":
            raise FileNotFoundError(name)
        return int(info["size"])

    def entries_below(self, prefix: str) -> list[StoredFile]:
        """Return the files below a folder. Not `fs.find`: it takes an error for an empty folder."""
        found = []
        waiting = [self._path(prefix)]
        while waiting:
            for entry in self._children(waiting.pop()):
                path = str(entry["name"]).rstrip("/")
                if path.rpartition("/")[2].startswith(TEMP_PREFIX):
                    continue
                if entry["type"] == "directory":
                    waiting.append(path)
                else:
                    name = prefix + path[len(self._path(prefix)) :]
                    found.append(StoredFile(name, int(entry["size"]), self._modified(path, entry)))
        return found

    def delete(self, name: str) -> None:
        """Remove a file."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def unfinished(self) -> list[Unfinished]:
        """Return the temporary files."""
        found = []
        waiting = [self._root]
        while waiting:
            for entry in self._children(waiting.pop()):
                path = str(entry["name"]).rstrip("/")
                if entry["type"] == "directory":
                    waiting.append(path)
                elif path.rpartition("/")[2].startswith(TEMP_PREFIX):
                    found.append(Unfinished(path, int(entry["size"]), self._modified(path, entry)))
        return found

    def drop(self, unfinished: Unfinished) -> None:
        """Remove a temporary file."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(unfinished.name)

    def workshop(self) -> None:
        """There is none."""

    def flush(self) -> None:
        """Nothing to do: such a place answers when it has the bytes."""

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _temp(self, name: str) -> str:
        folder, _, last = self._path(name).rpartition("/")
        self._fs.makedirs(folder, exist_ok=True)
        return f"{folder}/{TEMP_PREFIX}{os.urandom(8).hex()}-{last[:32]}"

    def _modified(self, path: str, entry: dict[str, Any]) -> float:
        """Return when a file was written. Each kind of place calls that otherwise."""
        from datetime import UTC, datetime

        found = next((entry[key] for key in _MODIFIED if key in entry), None) or self._fs.modified(path)
        if isinstance(found, str):
            found = datetime.fromisoformat(found)
        if isinstance(found, datetime):
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        return float(found)

    def _info(self, path: str) -> dict[str, Any] | None:
        self._fs.invalidate_cache()
        try:
            info: dict[str, Any] = self._fs.info(path)
        except FileNotFoundError:
            return None
        return info

    def _children(self, path: str) -> list[dict[str, Any]]:
        self._fs.invalidate_cache()
        try:
            entries: list[dict[str, Any]] = self._fs.ls(path, detail=True)
        except FileNotFoundError:
            return []
        # Some places list the folder itself among its children.
        return [entry for entry in entries if str(entry["name"]).rstrip("/") != path.rstrip("/")]
