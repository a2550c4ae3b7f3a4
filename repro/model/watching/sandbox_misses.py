"""What a command looked for in a sandbox and was refused, from strace's log of failed calls.

The log is that of `strace -f -y -qq -Z`: only calls that failed, one line each, `PID CALL(ARGUMENTS) = -1 ERROR (…)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.model.watching.sandbox import is_inside
from repro.model.watching.strace_syntax import NAMED, address_of, unescape
from repro.model.watching.trace import join

CALLS = (
    *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat"),
    *("renameat2", "symlink", "symlinkat", "link", "linkat", "connect", "ptrace"),
)
"""The calls that the log must have."""

_LINE = pattern(rb"\d+ +(\w+)\((.*)\) += -1 (E[A-Z0-9]+)")
_REFUSED = {b"EACCES", b"EPERM", b"EROFS"}
_NO_NETWORK = {b"ENETUNREACH", b"EACCES", b"EPERM", b"EHOSTUNREACH"}
_NAME_SERVER = 53
_NOISE = pattern(
    rb"/__pycache__(/|$)|\.pyc$|\.so(\.[0-9.]+)?$|\._pth$|/pyvenv\.cfg$|/pybuilddir\.txt$"
    rb"|/<(unknown|string|stdin)>$"  # what Python calls text that is no file; its tracebacks look for its lines there
)


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
    shown = tuple(not_told)
    found: dict[Miss, None] = {}
    for line in lines:
        for miss in _misses(line):
            if miss.path is not None and (_NOISE.search(miss.path) or _is_shown(miss.path, shown)):
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
        address = address_of(arguments)
        if address is None:
            return
        host, port = address
        if port == _NAME_SERVER:
            yield Miss(host="a name server")
        elif error in _NO_NETWORK:
            yield Miss(host=f"{host}:{port}")
        return
    if error != b"ENOENT" and error not in _REFUSED:
        return
    for _, folder, name in NAMED.findall(arguments):
        base, path = unescape(folder), unescape(name)
        if base.startswith(b"/") or path.startswith(b"/"):
            yield Miss(path=join(base, path), refused=error in _REFUSED)


def _is_shown(path: bytes, folders: tuple[bytes, ...]) -> bool:
    return any(is_inside(path, folder) for folder in folders)
