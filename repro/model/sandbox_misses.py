"""What a command looked for in a sandbox and was refused, from strace's log of failed calls.

The log is that of `strace -f -y -qq -Z`: only calls that failed, one line each, `PID CALL(ARGUMENTS) = -1 ERROR (…)`.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CALLS = (
    *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat"),
    *("renameat2", "symlink", "symlinkat", "link", "linkat", "connect", "ptrace"),
)
"""The calls that the log must have."""

_LINE = re.compile(rb"\d+ +(\w+)\((.*)\) += -1 (E[A-Z0-9]+)")
_PATH = re.compile(rb'(?:AT_FDCWD<((?:[^\\>]|\\.)*)>|\d+<((?:[^\\>]|\\.)*)>)?(?:, )?"((?:[^"\\]|\\.)*)"')
_HOST = re.compile(rb'sin6?_port=htons\((\d+)\).*(?:sin_addr=inet_addr\("|inet_pton\(AF_INET6, ")([0-9a-fA-F.:]+)"')
_REFUSED = {b"EACCES", b"EPERM", b"EROFS"}
_NO_NETWORK = {b"ENETUNREACH", b"EACCES", b"EPERM", b"EHOSTUNREACH"}
_NAME_SERVER = b"53"
_NOISE = re.compile(rb"/__pycache__(/|$)|\.pyc$|\.so(\.[0-9.]+)?$|\._pth$|/pyvenv\.cfg$|/pybuilddir\.txt$")


@dataclass(frozen=True, slots=True)
class Miss:
    """A path (raw bytes, absolute) that was not there or was refused; or a host, `ADDRESS:PORT` or a name server."""

    path: bytes | None = None
    host: str | None = None
    refused: bool = False


def misses_of(lines: Iterable[bytes], not_told: Iterable[bytes]) -> list[Miss]:
    """Return what was missed, each once, in the order in which it was last looked for.

    Args:
        lines: of the log.
        not_told: folders that the sandbox shows whole: what is not in them is not there in a run either.
    """
    shown = tuple(folder.rstrip(b"/") for folder in not_told)
    found: dict[Miss, None] = {}
    for line in lines:
        for miss in _misses(line):
            if miss.path is not None and (_NOISE.search(miss.path) or _is_in(miss.path, shown)):
                continue
            found.pop(miss, None)
            found[miss] = None
    return list(found)


def _misses(line: bytes) -> Iterator[Miss]:
    parts = _LINE.match(line)
    if parts is None:
        return
    call, arguments, error = parts.groups()
    if call == b"connect":
        host = _HOST.search(arguments)
        if host and host[1] == _NAME_SERVER:
            yield Miss(host="a name server")
        elif host and error in _NO_NETWORK:
            yield Miss(host=f"{host[2].decode()}:{host[1].decode()}")
        return
    if error != b"ENOENT" and error not in _REFUSED:
        return
    for named in _PATH.finditer(arguments):
        base, path = _text(named[1] or named[2] or b""), _text(named[3])
        whole = posixpath.normpath(posixpath.join(base, path))
        if whole.startswith(b"/"):
            yield Miss(path=whole, refused=error in _REFUSED)


def _text(escaped: bytes) -> bytes:
    """Return the bytes that strace writes with C's escapes, which are Python's too."""
    return bytes(ast.literal_eval('b"' + escaped.decode("ascii") + '"'))


def _is_in(path: bytes, folders: tuple[bytes, ...]) -> bool:
    return any(path == folder or path.startswith(folder + b"/") for folder in folders)
