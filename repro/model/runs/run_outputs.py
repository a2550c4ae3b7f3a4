"""Which runs may have made some bytes: the outputs of many manifests as one text that is searched, not parsed.

What it answers is where to look. Whoever relies on a run reads its manifest.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Set

from repro.model.dataclass import dataclass
from repro.model.names import name_to_text
from repro.model.pattern import pattern
from repro.model.yaml.strict import BadYaml, load_yaml

_HEADER = b"repro-outputs 1 "
_KINDS = {"file": "f", "executable": "x", "directory": "d", "symlink": "l"}
_NO_DIGEST = "0" * 64
# A manifest as repro writes it. Parsing YAML would cost a hundred times as much.
_BLOCK = pattern(rb"\n  outputs:\n((?:  - .*\n(?:    .*\n)*)*)", re.MULTILINE)
_ITEM = pattern(
    r"  - path: ([^'\"|>&*!%@`\[{\s#?:,-][^'\"#:\n]*)\n    kind: (file|executable|directory)\n"
    r"    size: [0-9]+\n    digest: b3:([0-9a-f]{64})\n(?:    found: true\n)?"
)
_OWNER = pattern(rb"^@([0-9a-f]{40})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One output: its path in text form, the letter of its kind, its digest's 64 hex digits (0 for a link)."""

    path: str
    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class Place:
    """An output as the text has it; `owner` is the git id of the manifest's blob."""

    owner: bytes
    output: OutputLine


class RunOutputs:
    """The outputs of manifests, by the git id of each manifest's blob: what is known of an id never changes."""

    def __init__(self, data: bytes = b"") -> None:
        """Take what `render` gave; what is damaged counts as nothing."""
        self._text = _checked(data)

    def known(self) -> set[bytes]:
        """Return the ids of the manifests that are in it."""
        return set(_OWNER.findall(self._text))

    def add(self, manifests: Iterable[tuple[bytes, bytes]]) -> None:
        """Add manifests: the git id of each, and its bytes, which may be anything."""
        parts = [self._text]
        for oid, data in manifests:
            lines = "".join(f" {line.kind}{line.digest} {line.path}\n" for line in outputs_of(data))
            parts.append(b"@" + oid + b"\n" + lines.encode("utf-8", "surrogateescape"))
        self._text = b"".join(parts)

    def render(self) -> bytes:
        """Return it as a file."""
        return _HEADER + b"%08x\n" % zlib.crc32(self._text) + self._text

    def with_digest(self, hexadecimal: str) -> Iterator[Place]:
        """Yield the outputs with a digest."""
        needle = hexadecimal.encode() + b" "
        position = self._text.find(needle)
        while position >= 0:
            yield self._at(position)
            position = self._text.find(needle, position + 1)

    def at_path(self, path: bytes) -> Iterator[Place]:
        """Yield the outputs that were made at a path."""
        needle = b" " + name_to_text(path).encode() + b"\n"
        position = self._text.find(needle)
        while position >= 0:
            place = self._at(position)
            if place.output.path.encode() == needle[1:-1]:
                yield place
            position = self._text.find(needle, position + 1)

    def has_directories(self, owners: Set[bytes]) -> bool:
        """Whether one of these manifests has a directory among its outputs."""
        return any(self._at(match.start() + 1).owner in owners for match in re.finditer(rb"\n d", self._text))

    def _at(self, position: int) -> Place:
        start = self._text.rfind(b"\n", 0, position) + 1
        end = self._text.find(b"\n", position)
        owner = self._text.rfind(b"\n@", 0, start) + 2 if self._text.rfind(b"\n@", 0, start) >= 0 else 1
        line = self._text[start:end].decode("utf-8", "surrogateescape")
        return Place(self._text[owner : owner + 40], OutputLine(line[67:], line[1], line[2:66]))


def outputs_of(data: bytes) -> tuple[OutputLine, ...]:
    """Return a manifest's outputs; of what is none, nothing."""
    facts = data.find(b"\nfacts:\n")  # before it, a message may say anything
    match = _BLOCK.search(data, facts) if facts >= 0 else None
    if match is not None:
        try:
            block = match[1].decode("utf-8")
        except UnicodeDecodeError:
            return ()
        items = list(_ITEM.finditer(block))
        if sum(len(item[0]) for item in items) == len(block):
            return tuple(OutputLine(item[1], _KINDS[item[2]], item[3]) for item in items)
    return _by_parsing(match[0] if match is not None else data)


def _by_parsing(data: bytes) -> tuple[OutputLine, ...]:
    """Return what a part of a manifest, or a whole one in a layout of somebody else's, has for outputs."""
    try:
        found = load_yaml(data, "outputs")
    except BadYaml:
        return ()
    facts = found.get("facts", found) if isinstance(found, dict) else None
    items = facts.get("outputs") if isinstance(facts, dict) else None
    return tuple(line for item in items if (line := _line(item))) if isinstance(items, list) else ()


def _line(item: object) -> OutputLine | None:
    if not isinstance(item, dict):
        return None
    path, kind, digest = item.get("path"), item.get("kind"), item.get("digest")
    if not isinstance(path, str) or "\n" in path or kind not in _KINDS:
        return None
    if kind == "symlink":
        return OutputLine(path, "l", _NO_DIGEST)
    is_digest = isinstance(digest, str) and re.fullmatch(r"b3:[0-9a-f]{64}", digest)
    return OutputLine(path, _KINDS[kind], str(digest)[3:]) if is_digest else None


def _checked(data: bytes) -> bytes:
    head, _, text = data.partition(b"\n")
    if head != _HEADER + b"%08x" % zlib.crc32(text):
        return b""
    return text
