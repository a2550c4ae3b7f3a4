"""The streams of a command in a container, as if they were its own: live, in both directions, with signals.

Source: Docker's Engine API, "Attach to a container": without a terminal the connection carries frames, a head of eight
bytes (the stream's number, three zero bytes, the length, big-endian) and the bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import tty
from collections.abc import Callable, Iterator

_BLOCK = 1 << 16
_AT_ONCE = 4096  # bytes that a pipe which can be written to takes without blocking: PIPE_BUF on Linux
_HEAD = struct.Struct(">BxxxL")
_TICK_S = 0.5
INIT_FAILURES = (b"[FATAL tini", b"ERROR (catatonit")
"""How Docker's and Podman's init begin to say that they could not start the command."""


class Frames:
    """Takes the frames of a connection apart, however they were cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield number of the stream and bytes, as far as they have come."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            stream, length = _HEAD.unpack_from(self._rest)
            if len(self._rest) < _HEAD.size + length:
                return
            yield stream, self._rest[_HEAD.size : _HEAD.size + length]
            self._rest = self._rest[_HEAD.size + length :]


class Streams:
    """Connects this process's stdin, stdout and stderr with a container's, until it has ended.

    Args:
        connection: of the attached container.
        has_terminal: whether the container was given a terminal.
        on_signal: told each signal that came.
        on_resize: told the terminal's lines and columns.
    """

    def __init__(
        self,
        connection: socket.socket,
        has_terminal: bool,
        on_signal: Callable[[int], None],
        on_resize: Callable[[int, int], None],
    ) -> None:
        self._connection = connection
        self._has_terminal = has_terminal
        self._on_signal = on_signal
        self._on_resize = on_resize
        self._frames = Frames()
        self._pending = b""
        self._reads_stdin = True
        self._gone: set[int] = set()
        self.held = b""
        connection.setblocking(False)

    def run(self, signals: int, ended: int) -> None:
        """Carry bytes and signals until the connection is at its end and `ended` can be read.

        Args:
            signals: a descriptor from which the numbers of signals are read, a byte each.
            ended: a descriptor that can be read from once the container has ended.
        """
        self._signals = signals
        open_connection, running = True, True
        while open_connection or running:
            readers: list[int | socket.socket] = [
                signals,
                *([ended] if running else []),
                *([self._connection] if open_connection else []),
            ]
            reads_stdin = open_connection and running and self._may_read_stdin()
            writers = [self._connection] if self._pending and open_connection else []
            ready, writable, _ = select.select([*readers, *([0] if reads_stdin else [])], writers, [], _TICK_S)
            if signals in ready:
                self._take_signals()
            if self._connection in ready:
                open_connection = self._receive()
            if 0 in ready and open_connection:
                self._read_stdin()
            if writable:
                self._send()
            if ended in ready:
                running = False

    def _may_read_stdin(self) -> bool:
        """A process in the background that reads from its terminal is stopped, which the command has not earned."""
        if not self._reads_stdin or self._pending:
            return False
        try:
            return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return False  # the terminal has gone

    def _read_stdin(self) -> None:
        try:
            data = os.read(0, _BLOCK)
        except OSError:
            data = b""
        if data:
            self._pending = data
            self._send()
            return
        self._reads_stdin = False
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _send(self) -> None:
        try:
            self._pending = self._pending[self._connection.send(self._pending) :]
        except BlockingIOError:
            return
        except OSError:  # the command has closed its stdin, or ended
            self._pending, self._reads_stdin = b"", False

    def _receive(self) -> bool:
        try:
            data = self._connection.recv(_BLOCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if self._has_terminal:
            self._write(1, data)
        else:
            for stream, content in self._frames.feed(data):
                self._write(2 if stream == 2 else 1, content)
        return bool(data)

    def _write(self, number: int, data: bytes) -> None:
        if number == 2 and (self.held or data.startswith(INIT_FAILURES)):
            self.held += data  # the engine's init did not find the command: it ends now
            return
        while data and number not in self._gone:
            ready, writable, _ = select.select([self._signals], [number], [], None)
            if ready:
                self._take_signals()
            if not writable:
                continue
            try:
                data = data[os.write(number, data[:_AT_ONCE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:  # whoever read has gone: the command learns of it as it would without a container
                self._gone.add(number)
                self._on_signal(signal.SIGPIPE)

    def _take_signals(self) -> None:
        for number in os.read(self._signals, _BLOCK):
            if number == signal.SIGWINCH:
                if self._has_terminal:
                    self._on_resize(*terminal_size())
            elif number != signal.SIGCHLD:
                self._on_signal(number)


def has_terminal() -> bool:
    """Whether all three streams are a terminal: a container has one for all of them, or for none."""
    return all(os.isatty(number) for number in (0, 1, 2))


def terminal_size() -> tuple[int, int]:
    """Return the lines and columns of the terminal."""
    lines, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
    return lines, columns


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Hand every key on, Ctrl-C too: the container's terminal makes of it what a terminal does."""
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
