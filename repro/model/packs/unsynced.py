"""The record of an object whose file was not waited for until it was on the disk (`docs/reference/format.md`)."""

from __future__ import annotations

from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import BadDigest, parse_digest
from repro.model.names import UnsafePath, name_to_text, text_to_name
from repro.model.record import BadRecord, NewerFormat

UNSYNCED_FROM = 16 * 1024 * 1024
"""Bytes from which an object is not waited for: two small files reach the disk in the time that this one takes."""

_FIRST = "repro-unsynced "
_BLOCK = 4096
_OBJECT_LINE = 128  # more than the line has with the longest length


@dataclass(frozen=True, slots=True)
class UnsyncedRecord:
    """`boot` is the kernel's id of the boot in which it was written, `file` the path that the bytes came from; `ref` is
    None while they are being copied: nothing has the object's name then."""

    boot: str
    file: bytes
    ref: ObjectRef | None


def render_begun(boot: str, file: bytes) -> tuple[bytes, int]:
    """Return a record without the object, with room for it, and where its line is to be written."""
    head = f"{_FIRST}1\nboot {boot}\nfile {name_to_text(file)}\n".encode()
    length = -(-(len(head) + _OBJECT_LINE) // _BLOCK) * _BLOCK
    return head.ljust(length, b"\n"), len(head)


def render_object(ref: ObjectRef) -> bytes:
    """Return the line that says which object it is."""
    return f"object {ref.digest} {ref.size}\n".encode()


def parse_unsynced(data: bytes) -> UnsyncedRecord:
    """Return what a record says.

    Raises:
        NewerFormat: a later repro wrote it.
        BadRecord: it is none, or was not written to its end.
    """
    try:
        lines = data.decode().rstrip("\n").split("\n")
        if lines[0] != f"{_FIRST}1":
            if lines[0].startswith(_FIRST):
                raise NewerFormat(f"a record of an object that was not waited for is of version {lines[0][15:]!r}")
            raise BadRecord("it does not begin as such a record does")
        boot, file = _value(lines[1], "boot"), text_to_name(_value(lines[2], "file"))
        if len(lines) == 3:
            return UnsyncedRecord(boot, file, None)
        (line,) = lines[3:]
        digest, size = _value(line, "object").split(" ")
        return UnsyncedRecord(boot, file, ObjectRef(parse_digest(digest), int(size)))
    except (ValueError, IndexError, UnsafePath, BadDigest) as error:
        raise BadRecord(f"a record of an object that was not waited for is not whole: {error}") from error


def _value(line: str, key: str) -> str:
    name, value = line.split(" ", 1)
    if name != key:
        raise ValueError(f"{name!r} in the place of {key!r}")
    return value
