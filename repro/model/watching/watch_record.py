"""What watching a run gave beside its facts: by which means, what that cannot see, programs, hosts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from repro.model.data.content import ObjectRef
from repro.model.data.content_record import ref_from_fields, ref_to_plain
from repro.model.dataclass import dataclass, field
from repro.model.names import RelPath, name_to_text, parse_path, text_to_name
from repro.model.record import Fields

NAMES_HEADER = b"repro-names 1\0"


class Means(StrEnum):
    """By what a run is watched."""

    STRACE = "strace"
    AUDIT = "audit"
    NONE = "none"


BLIND = {
    Means.STRACE: (
        "files that were only asked about (exists, size) and never opened",
        "files opened through io_uring, and what a process of somebody else did on request (a daemon, a container)",
        "environment variables, the clock, random numbers",
    ),
    Means.AUDIT: (
        "files that C or C++ code opens: pyarrow, HDF5, SQLite, compiled extensions",
        "programs that are not Python, and `python -I` or `-E`",
        "which files were written: outputs are told from the state of the files before and after",
        "environment variables, the clock, random numbers",
    ),
    Means.NONE: ("everything: the run was not watched",),
}


@dataclass(frozen=True, slots=True)
class Watch:
    """What was seen of a run. Paths of `programs` and `listed` are raw bytes, absolute or relative to the project.

    `tool` is the program and its version; `reason` says why no better means was used; `read` counts files by what
    they are; `own_ports`: whether it connected to ports of its own, None where that is not known.
    """

    tool: str | None = None
    reason: str | None = None
    blind: tuple[str, ...] = ()
    read: Mapping[str, int] = field(default_factory=dict)
    programs: tuple[bytes, ...] = ()
    hosts: tuple[str, ...] = ()
    own_ports: bool | None = None
    listed: tuple[bytes, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadPart:
    """Which part of an input, a directory, was read: how many files, and the object that lists them."""

    path: RelPath
    files: int
    names: ObjectRef


def watch_to_plain(watch: Watch) -> dict[str, Any]:
    """Return the watch as plain values; what is not known is left out."""
    plain: dict[str, Any] = {
        "tool": watch.tool,
        "reason": watch.reason,
        "blind": list(watch.blind),
        "read": dict(sorted(watch.read.items())),
        "programs": [name_to_text(path) for path in watch.programs],
        "hosts": list(watch.hosts),
        "own_ports": watch.own_ports,
        "listed": [name_to_text(path) for path in watch.listed],
    }
    return {key: value for key, value in plain.items() if value or value is False} | dict(watch.extra)


def watch_from_fields(fields: Fields) -> Watch:
    """Read a watch.

    Raises:
        BadRecord: a field is of the wrong type.
    """
    read = fields.optional_fields("read")
    return Watch(
        tool=fields.optional_text("tool"),
        reason=fields.optional_text("reason"),
        blind=fields.texts("blind"),
        read={name: read.integer(name) for name in read.raw()} if read else {},
        programs=fields.checked_texts("programs", text_to_name),
        hosts=fields.texts("hosts"),
        own_ports=fields.optional_boolean("own_ports"),
        listed=fields.checked_texts("listed", text_to_name),
        extra=fields.rest(),
    )


def read_part_to_plain(part: ReadPart) -> dict[str, Any]:
    """Return `path`, `files` and `list`."""
    return {"path": name_to_text(part.path), "files": part.files, "list": ref_to_plain(part.names)}


def read_part_from_fields(fields: Fields) -> ReadPart:
    """Read a part.

    Raises:
        BadRecord: a field is missing or impossible.
    """
    return ReadPart(fields.checked("path", parse_path), fields.integer("files"), ref_from_fields(fields.fields("list")))


def encode_names(names: set[bytes]) -> bytes:
    """Return a name list (`docs/reference/format.md`)."""
    return NAMES_HEADER + b"".join(name + b"\0" for name in sorted(names))


def decode_names(data: bytes) -> frozenset[bytes]:
    """Return the paths of a name list.

    Raises:
        ValueError: it is none.
    """
    body = data.removeprefix(NAMES_HEADER)
    names = body.split(b"\0")[:-1]
    if len(body) == len(data) or (body and not body.endswith(b"\0")) or names != sorted(set(names)):
        raise ValueError("this is no list of names")
    return frozenset(names)
