"""Reading what the audit hook wrote (`repro.execution.audit_hook`): lines in, a trace out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from repro.model.pattern import pattern
from repro.model.watching.strace_syntax import is_loopback
from repro.model.watching.trace import Access, Trace, join

_ESCAPE = pattern(rb"\\(.)", re.DOTALL)
# Linux's numbers, include/uapi/asm-generic/fcntl.h; the hook runs where the run ran.
_WRONLY, _RDWR, _CREAT, _EXCL, _TRUNC = 0o1, 0o2, 0o100, 0o200, 0o1000


def read_audit_log(lines: Iterable[bytes]) -> Trace:
    """Return what the lines say. An event is written before its call: whether that succeeded is not known."""
    trace = Trace()
    for line in lines:
        kind, _, rest = line.rstrip(b"\n").partition(b" ")
        if kind == b"r":
            trace.read(_path(rest))
        elif kind == b"w":
            flags, _, path = rest.partition(b" ")
            trace.opened(_path(path), _access(int(flags)))
        elif kind == b"l":
            trace.listed.add(_path(rest))
        elif kind == b"d":
            trace.folders.add(_path(rest))
        elif kind == b"x":
            trace.started(_path(rest))
        elif kind == b"c":
            host, _, port = rest.rpartition(b" ")
            if not is_loopback(host.decode()):
                trace.hosts.add((host.decode(), int(port)))
    return trace


def _path(text: bytes) -> bytes:
    return join(b"/", _ESCAPE.sub(lambda found: b"\n" if found[1] == b"n" else found[1], text))


def _access(flags: int) -> Access:
    access = Access.READ | Access.WRITE if flags & _RDWR else Access.WRITE
    if flags & _TRUNC:
        access |= Access.EMPTY
    if flags & _CREAT:
        access |= Access.CREATE
    return access | Access.NEW if flags & _CREAT and flags & _EXCL else access
