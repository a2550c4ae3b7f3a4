"""The pointer: the small file `NAME.repro` that stands in git for the data `NAME` beside it.

Specified in `docs/reference/format.md`, section "Pointer".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from repro.model.data.content import Content, Kind
from repro.model.data.content_record import content_from_fields, content_to_plain
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_of
from repro.model.names import MAX_NAME, check_name, name_to_text, text_to_name
from repro.model.pattern import pattern
from repro.model.record import BadRecord, Fields

SUFFIX = b".repro"
FORMAT = 1
MAX_BYTES = 1024 * 1024
HEAD = "# Data kept by repro: commit this file. `repro checkout` brings the data itself.\n"

_KEPT = 240  # bytes of a long name that the pointer's own name keeps

# What `render_pointer` itself writes for a file or directory whose name needs no quotes. Reading this needs no
# YAML parser: `repro status` reads every pointer, and importing the parser would cost it more than all else.
_CANONICAL = pattern(
    re.escape(HEAD) + r"repro: 1\npath: ([A-Za-z_][A-Za-z0-9_.-]*)\nkind: (file|executable|directory)\n"
    r"size: (0|[1-9][0-9]{0,18})\n(?:files: (0|[1-9][0-9]{0,18})\n)?digest: (b3:[0-9a-f]{64})\n"
)
# Words that YAML 1.1 or 1.2 takes for something other than text, among those that _PLAIN lets through.
_NOT_TEXT = pattern(r"(?:y|n|yes|no|on|off|true|false|null|_*)", re.IGNORECASE)
_PLAIN = pattern(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Pointer:
    """One tracked path: the `name` beside the pointer and the content it stands for.

    `files` counts the files and links of a directory, where the writer knew it. `rest` holds the keys of a
    later version, kept when the pointer is written again.
    """

    name: bytes
    content: Content
    files: int | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def pointer_name(name: bytes) -> bytes:
    """Return what the pointer of the data called `name` is called."""
    if len(name) + len(SUFFIX) <= MAX_NAME:
        return name + SUFFIX
    cut = name[:_KEPT]
    # A UTF-8 character has at most 4 bytes: look for its first byte in the last three, and drop what is not whole.
    for back in range(1, 4):
        first = cut[-back]
        if first >= 0xC0:
            length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            if length > back and _is_character(name[_KEPT - back : _KEPT - back + length]):
                cut = cut[:-back]
            break
        if first < 0x80:
            break
    return cut + b"~" + digest_of(name)[3:11].encode() + SUFFIX


def parse_pointer(data: bytes, file_name: bytes | None, where: str) -> Pointer:
    """Return the pointer that a file holds.

    Args:
        data: the file's bytes.
        file_name: its name, without directories; None of a copy that is called otherwise.
        where: its path as shown in messages.

    Raises:
        BadRecord, BadYaml: malformed or unsafe, or called by another name than its `path` gives.
        NewerFormat: written by a newer repro.
    """
    if len(data) > MAX_BYTES:
        raise BadRecord(f"{where} is larger than {MAX_BYTES} bytes: no pointer is")
    pointer = _parse_canonical(data) or _parse_yaml(data, where)
    expected = pointer_name(pointer.name)
    if file_name not in (expected, None):
        raise BadRecord(
            f"{where} stands for {name_to_text(pointer.name)!r}, so it must be called {name_to_text(expected)!r}"
        )
    return pointer


def render_pointer(pointer: Pointer) -> bytes:
    """Return the pointer's file: the same pointer gives the same bytes."""
    from repro.model.yaml.strict import dump_yaml

    content = pointer.content
    lines = [HEAD, f"repro: {FORMAT}\n", f"path: {_scalar(name_to_text(pointer.name))}\n"]
    plain = content_to_plain(content)
    lines += [f"kind: {plain['kind']}\n", f"size: {plain['size']}\n"]
    if pointer.files is not None and content.kind is Kind.DIRECTORY:
        lines.append(f"files: {pointer.files}\n")
    lines.append(f"digest: {content.digest}\n" if content.digest else f"target: {_scalar(plain['target'])}\n")
    if pointer.rest:
        lines.append(dump_yaml(dict(pointer.rest)))
    return "".join(lines).encode()


def _parse_canonical(data: bytes) -> Pointer | None:
    match = _CANONICAL.fullmatch(data.decode("ascii", "replace"))
    if not match or not _is_plain(match[1]) or int(match[3]) >= 2**63:
        return None
    files = int(match[4]) if match[4] and match[2] == "directory" else None
    if match[4] and files is None:
        return None
    return Pointer(check_name(match[1].encode()), Content(Kind(match[2]), int(match[3]), Digest(match[5])), files)


def _parse_yaml(data: bytes, where: str) -> Pointer:
    from repro.model.yaml.strict import load_yaml

    fields = Fields(load_yaml(data, where), where)
    fields.version(FORMAT)
    name = fields.checked("path", lambda text: check_name(text_to_name(text)))
    content = content_from_fields(fields)
    files = fields.optional_integer("files") if content.kind is Kind.DIRECTORY else None
    return Pointer(name, content, files, fields.rest())


def _scalar(text: str) -> str:
    """Return text as a YAML scalar on one line, in JSON's double quotes unless it is plainly a word."""
    if _is_plain(text):
        return text
    import json

    quoted = json.dumps(text, ensure_ascii=False)
    # The two characters of UTF-8 text that YAML does not take as they are.
    return quoted.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and not _NOT_TEXT.fullmatch(text)


def _is_character(data: bytes) -> bool:
    try:
        return len(data.decode("utf-8")) == 1
    except UnicodeDecodeError:
        return False
