"""What was archived of an environment: the files that an index, a channel or a registry may forget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.data.content import ObjectRef
from repro.model.data.content_record import ref_from_fields, ref_to_plain
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_of, hex_of, parse_digest
from repro.model.environments.distribution_names import sha256_digits
from repro.model.pattern import pattern
from repro.model.record import Fields
from repro.model.yaml.strict import dump_yaml, load_yaml

FORMAT = 1
_HEADER = "# The files of an environment, kept by repro: `repro env archive` made this.\n"
_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._+!-]{0,250}"
_NAME = pattern(rf"{_COMPONENT}(?:/{_COMPONENT}){{0,3}}")


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file: its name (of one to four components), its SHA-256 and the object that holds its bytes."""

    name: str
    sha256: str
    object: ObjectRef


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of an environment.

    Attributes:
        environment: the environment's id.
        kind: the environment's kind.
        files: what it takes to make it, sorted by name.
        extra: fields of a later version.
    """

    environment: Digest
    kind: str
    files: tuple[ArchivedFile, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


def render_archive(archive: Archive) -> bytes:
    """Return the record file's bytes; the same files give the same bytes."""
    plain = {
        "repro": FORMAT,
        "environment": str(archive.environment),
        "kind": archive.kind,
        "files": [
            {"name": file.name, "sha256": file.sha256, "object": ref_to_plain(file.object)}
            for file in sorted(archive.files, key=lambda file: file.name)
        ],
    }
    return (_HEADER + dump_yaml(plain | dict(archive.extra))).encode()


def archive_file_name(data: bytes) -> str:
    """Return the name of a record file of these bytes: 16 hex digits of its digest."""
    return f"{hex_of(digest_of(data))[:16]}.yaml"


def parse_archive(data: bytes, what: str) -> Archive:
    """Read an archive's record, from here or from elsewhere.

    Raises:
        BadYaml, BadRecord: malformed.
        NewerFormat: written by a newer repro.
    """
    fields = Fields(load_yaml(data, what), what)
    fields.version(FORMAT)
    files = fields.records("files", _file_from_fields)
    if len({file.name for file in files}) != len(files):
        raise fields.bad("a file stands in it twice")
    return Archive(
        environment=fields.checked("environment", parse_digest),
        kind=fields.text("kind"),
        files=tuple(sorted(files, key=lambda file: file.name)),
        extra=fields.rest(),
    )


def file_name(text: str) -> str:
    """Return `text` if it can be the name of an archived file, else raise ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text[:100]!r} is not the name of an archived file")
    return text


def _file_from_fields(fields: Fields) -> ArchivedFile:
    return ArchivedFile(
        fields.checked("name", file_name),
        fields.checked("sha256", sha256_digits),
        ref_from_fields(fields.fields("object")),
    )
