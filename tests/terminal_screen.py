"""A terminal: programs that run on a real pty, and what a person sees there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

_TOKENS = re.compile(rb"\x1b\[K|\r|\n|[^\x1b\r\n]+|\x1b")

# A program has a terminal, and Ctrl-C from it, once it has opened it as the leader of its session.
_ON_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(2), os.O_RDWR)); os.execvp(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A program on a terminal of its own; what it writes is kept in `written`."""

    def __init__(self, *command: str, cwd: Path, environ: Mapping[str, str], columns: int = 100) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns)
        self.written = b""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _ON_TERMINAL, *command],
                cwd=cwd,
                env={"TERM": "xterm", **environ},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
        finally:
            os.close(slave)

    def resize(self, columns: int) -> None:
        """As a person who drags the window's edge."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """As a person at the keyboard."""
        os.write(self._master, keys)

    def read_until(self, wanted: bytes, times: int = 1, timeout: float = 60) -> None:
        """Wait until the program has written something, so many times."""
        end = time.monotonic() + timeout
        while self.written.count(wanted) < times:
            assert self._read(end), f"no {wanted!r} in {self.written!r}"

    def wait(self, timeout: float = 60) -> int:
        """Read to the end, and return the exit code."""
        end = time.monotonic() + timeout
        while self._read(end):
            pass
        os.close(self._master)
        return self._process.wait(timeout)

    def _read(self, end: float) -> bool:
        if not select.select([self._master], [], [], max(end - time.monotonic(), 0))[0]:
            self._process.kill()
            raise AssertionError(f"nothing more came after {self.written!r}")
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the last program that had it open has gone
            return False
        self.written += data
        return bool(data)

    @property
    def screen(self) -> list[str]:
        """The lines that a person sees in the end; no line is ever longer than the terminal is wide."""
        lines, column = [b""], 0
        for token in _TOKENS.findall(self.written):
            if token == b"\n":
                lines.append(b"")
                column = 0
            elif token == b"\r":
                column = 0
            elif token == b"\x1b[K":
                lines[-1] = lines[-1][:column]
            else:
                lines[-1] = lines[-1][:column].ljust(column) + token + lines[-1][column + len(token) :]
                column += len(token)
        return [line.decode() for line in lines]

    @property
    def drawn(self) -> list[str]:
        """The texts that were drawn over one another, in turn."""
        found = re.findall(rb"\r([^\r\n\x1b]+)\x1b\[K", self.written)
        return [text.decode() for text in found]
