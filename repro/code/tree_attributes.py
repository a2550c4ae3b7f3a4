"""How git converts a file between blob and work tree, as the `.gitattributes` of the same tree say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.content_filters import ATTRIBUTES
from repro.code.files_in_git import FilesInGit
from repro.model.dataclass import dataclass

if TYPE_CHECKING:
    from dulwich.attrs import Pattern

    _Patterned = tuple[Pattern, Mapping[bytes, "_Value"]]

_Value = bool | bytes | None
_LFS = b"lfs"


@dataclass(frozen=True, slots=True)
class Conversion:
    """What happens to a blob on its way into the work tree.

    Attributes:
        crlf: lines come to end with CR LF.
        guess: only if git takes it for text.
        unknown: attributes whose effect cannot be known from the tree, as they stand there: `filter=…`, `ident`.
    """

    crlf: bool = False
    guess: bool = False
    unknown: tuple[str, ...] = ()


NONE = Conversion()


class TreeAttributes:
    """The attributes of the files of one tree. Attributes that a clone has for itself do not count."""

    def __init__(self, files: FilesInGit, read: Callable[[bytes], bytes]) -> None:
        """Take the files, and what returns the bytes of a blob."""
        self._files = files
        self._read = read
        self._known: dict[bytes, list[_Patterned]] = {}

    def of(self, path: bytes) -> Conversion:
        """Return what happens to the file at a path."""
        folders = [path[:cut] for cut in range(len(path)) if path[cut : cut + 1] == b"/"]
        lines = [line for folder in (b"", *folders) for line in self._lines(folder)]
        if not lines:
            return NONE
        from dulwich.attrs import match_path

        return _conversion(match_path(lines, path))

    def _lines(self, folder: bytes) -> list[_Patterned]:
        if folder not in self._known:
            self._known[folder] = self._read_lines(folder)
        return self._known[folder]

    def _read_lines(self, folder: bytes) -> list[_Patterned]:
        file = self._files.file(folder + b"/" + ATTRIBUTES if folder else ATTRIBUTES)
        if file is None or file.mode not in (git.MODE_FILE, git.MODE_EXECUTABLE):
            return []
        from dulwich.attrs import compile_gitattributes_patterns

        lines = [_parsed(line) for line in self._read(file.oid).splitlines()]
        return compile_gitattributes_patterns([line for line in lines if line], base=folder)


def _conversion(found: Mapping[bytes, _Value]) -> Conversion:
    text, eol = found.get(b"text", found.get(b"crlf")), found.get(b"eol")
    if found.get(b"binary") is True:
        text = False
    unknown = []
    name = found.get(b"filter")
    if name and name != _LFS:
        unknown.append(_shown(b"filter", name))
    for attribute in (b"ident", b"working-tree-encoding"):
        if value := found.get(attribute):
            unknown.append(_shown(attribute, value))
    guess = text == b"auto"
    crlf = eol == b"crlf" and text is not False and text != b"input"
    return Conversion(crlf, crlf and guess, tuple(unknown)) if crlf or unknown else NONE


def _shown(name: bytes, value: _Value) -> str:
    shown = name + b"=" + value if isinstance(value, bytes) else name
    return shown.decode("utf-8", "backslashreplace")


def _parsed(line: bytes) -> tuple[bytes, dict[bytes, _Value]] | None:
    """Return a line's pattern and attributes; of a comment, a macro's definition or a damaged line, None."""
    line = line.strip()
    if not line or line.startswith((b"#", b"[attr]")):
        return None
    if line.startswith(b'"'):
        end = _end_of_quotes(line)
        pattern, rest = _unquoted(line[1:end]), line[end + 1 :]
        words = rest.split()
    else:
        pattern, *words = line.split()
    return (pattern, dict(map(_attribute, words))) if pattern else None


def _attribute(word: bytes) -> tuple[bytes, _Value]:
    if word.startswith(b"-"):
        return word[1:], False
    if word.startswith(b"!"):
        return word[1:], None
    name, equals, value = word.partition(b"=")
    return name, value if equals else True


def _end_of_quotes(line: bytes) -> int:
    position = 1
    while position < len(line) and line[position : position + 1] != b'"':
        position += 2 if line[position : position + 1] == b"\\" else 1
    return position


def _unquoted(text: bytes) -> bytes:
    """Undo C's escapes. Source: git's `quote.c`, `unquote_c_style`."""
    return text.decode("latin-1").encode("ascii", "backslashreplace").decode("unicode_escape").encode("latin-1")
