"""Inputs outside the project: their paths, which are the same for another user, and their content."""

from __future__ import annotations

from typing import Any

from repro.model.data.content import Content
from repro.model.data.content_record import content_from_fields, content_to_plain
from repro.model.dataclass import dataclass
from repro.model.names import MAX_NAME, MAX_PATH, UnsafePath, name_to_text, text_to_name
from repro.model.record import Fields

HOME = b"~"
_NEVER = (b"/proc", b"/sys", b"/dev")


@dataclass(frozen=True, slots=True)
class OutsideItem:
    """Content at a path outside the project: absolute, or `~/` and a path below the user's home directory."""

    path: bytes
    content: Content


def outside_path(absolute: bytes, home: bytes | None) -> bytes:
    """Return an absolute path as it is recorded; `home` is an absolute path, None where there is none.

    Raises:
        UnsafePath: no record can hold it.
    """
    base = (home or b"").rstrip(b"/")
    if base and absolute.startswith(base + b"/"):
        return check_outside(HOME + absolute[len(base) :])
    return check_outside(absolute)


def absolute_path(recorded: bytes, home: bytes) -> bytes:
    """Return where a recorded path is for a user whose home directory is `home`."""
    return home.rstrip(b"/") + recorded[1:] if recorded.startswith(b"~/") else recorded


def check_outside(raw: bytes) -> bytes:
    """Return `raw` if it is an outside path.

    Raises:
        UnsafePath: it is not, or it is the kernel's.
    """
    shown = name_to_text(raw[:300])
    if len(raw) > MAX_PATH or not raw.startswith((b"/", b"~/")):
        raise UnsafePath(f"the path {shown!r} is neither absolute nor in ~/, or too long")
    for part in raw.split(b"/")[1:]:
        if part in (b"", b".", b"..") or len(part) > MAX_NAME or b"\0" in part:
            raise UnsafePath(f"the path {shown!r} is unsafe")
    if any(raw == folder or raw.startswith(folder + b"/") for folder in _NEVER):
        raise UnsafePath(f"the path {shown!r} is the kernel's")
    return raw


def parse_outside(text: str) -> bytes:
    """Return the outside path whose text form `text` is.

    Raises:
        UnsafePath: it is none.
    """
    return check_outside(text_to_name(text))


def outside_to_plain(item: OutsideItem) -> dict[str, Any]:
    """Return `path` and the content's fields."""
    return {"path": name_to_text(item.path), **content_to_plain(item.content)}


def outside_from_fields(fields: Fields) -> OutsideItem:
    """Read an item.

    Raises:
        BadRecord: a field is missing or impossible, or the path unsafe.
    """
    return OutsideItem(fields.checked("path", parse_outside), content_from_fields(fields))
