"""How strace writes system calls: the grammar of a line, and what its words mean."""

from __future__ import annotations

import re

from repro.model.pattern import pattern
from repro.model.watching.trace import Access

_TEXT = rb'"((?:[^"\\]|\\.)*)"'
_PLACE = rb"(AT_FDCWD|-?\d+)(?:<((?:[^>\\]|\\.)*)>)?"
_RESULT = rb"\) += (\?|-?\d+)(?:<((?:[^>\\]|\\.)*)>)?(\(deleted\))?(?: (E[A-Z0-9]+) \([^\"]*\))?(?: \([^\"]*\))?\n?$"
LINE = pattern(rb"(\d+) +(\w+)\(")
RESUMED = pattern(rb"(\d+) +<\.\.\. (\w+) resumed>")
ENDED = pattern(rb"(\d+) +\+\+\+ ")
OPENAT = pattern(
    rb"(\d+) +openat\(" + _PLACE + rb", " + _TEXT + rb", ([A-Z_|0-9a-fx]+)(?:, [0-9]+)?" + _RESULT, re.DOTALL
)
TAIL = pattern(_RESULT)
NAMED = pattern(rb"(?:" + _PLACE + rb", )?" + _TEXT)
FLAGS = pattern(rb"\bO_[A-Z_|0-9a-fxO]*")
FIRST = pattern(_PLACE)
_INET = pattern(rb'sin_port=htons\((\d{1,5})\), sin_addr=inet_addr\("([0-9.]+)"\)')
_INET6 = pattern(rb'sin6_port=htons\((\d{1,5})\).*?inet_pton\(AF_INET6, "([0-9A-Fa-f:.]+)"')
_ESCAPE = pattern(rb"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
_DELETED = b" (deleted)"
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}

CALLS = (
    *("open", "openat", "openat2", "creat", "truncate", "execve", "execveat", "chdir", "fchdir"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"),
    *(
        "mkdir",
        "mkdirat",
        "mknod",
        "mknodat",
        "connect",
        "bind",
        "getsockname",
        "clone",
        "clone3",
        "fork",
        "vfork",
        "ptrace",
    ),
)
"""The system calls that are traced: those that open or move files, start processes or reach hosts. Those that only ask
about files (`stat` and its kin) are left out: they would double the time that a run takes."""


def access_of(flags: bytes) -> Access | None:
    """Return what `O_RDWR|O_CREAT|…` means; None where no content is read or written."""
    words = flags.split(b"|")
    if b"O_PATH" in words or b"O_TMPFILE" in flags or b"O_DIRECTORY" in words:
        return None
    if b"O_WRONLY" not in words and b"O_RDWR" not in words:
        return Access.READ
    access = Access.WRITE | Access.READ if b"O_RDWR" in words else Access.WRITE
    if b"O_TRUNC" in words:
        access |= Access.EMPTY
    if b"O_CREAT" in words:
        access |= Access.CREATE | (Access.NEW if b"O_EXCL" in words else Access(0))
    return access


def unescape(text: bytes) -> bytes:
    """Return the bytes that strace's C escapes stand for."""
    if b"\\" not in text:
        return text

    def byte(match: re.Match[bytes]) -> bytes:
        octal, letter = match.groups()
        return _LETTERS.get(letter, letter) if octal is None else bytes([int(octal, 8) & 0xFF])

    return _ESCAPE.sub(byte, text)


def address_of(arguments: bytes) -> tuple[str, int] | None:
    """Return the Internet address and port that a call names, or None."""
    found = _INET.search(arguments) or _INET6.search(arguments)
    return (found[2].decode(), int(found[1])) if found else None


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    return host.startswith("127.") or host in ("::1", "0.0.0.0", "::") or host.startswith("::ffff:127.")


def looks_deleted(real: bytes, literal: bytes) -> bool:
    """Whether a strace that does not mark deleted files has written down the kernel's name for one.

    A file without a name is reached through /proc only, or is removed just after it was opened.
    """
    return real.endswith(_DELETED) and (literal.startswith((b"/proc/", b"/dev/")) or literal + _DELETED == real)
