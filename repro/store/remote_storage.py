"""What a place must be able to do to hold a remote. The kinds are its siblings `remote_directory`, `remote_fsspec`."""

from __future__ import annotations

from typing import BinaryIO, Protocol


class Storage(Protocol):
    """A place for files under checked names.

    Failures are OSErrors: FileNotFoundError means that the place was reached and has no such file, and
    ConnectionError and TimeoutError mean that the same call may succeed later.
    """

    def is_file(self) -> bool:
        """Whether the place itself is a file, which can hold nothing."""
        ...

    def top_names(self) -> list[str]:
        """Return the names directly under the place, folders too; none where the place does not exist yet."""
        ...

    def put_file(self, name: str, path: str) -> None:
        """Write a local file's bytes under `name`: all or nothing, replacing what is there."""
        ...

    def put_bytes(self, name: str, data: bytes) -> None:
        """Write bytes under `name`: all or nothing, replacing what is there."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Return a seekable reader."""
        ...

    def size(self, name: str) -> int:
        """Return the length in bytes."""
        ...

    def names_below(self, prefix: str) -> list[str]:
        """Return all files under the folder `prefix`, at any depth; none where there is no such folder."""
        ...

    def flush(self) -> None:
        """Return when what was written would survive a power cut."""
        ...
