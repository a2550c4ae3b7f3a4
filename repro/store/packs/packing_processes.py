"""Other processes that read and pack small files, so that more than one core does: Python runs in one thread.

Each reads what it is given, and says the digests. Who started it says which of these it is to keep, and takes its
packs: so no object is packed twice, and only who started it names anything in the store.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass, field
from repro.store.packs.packing_messages import (
    DIGESTS,
    FAILED,
    KEEP,
    READ,
    READY,
    TAKE,
    Connection,
    Ended,
    decode_failure,
    decode_packs,
)
from repro.store.packs.writer import WrittenPack
from repro.store.usable_cores import usable_cores

_TASKS_AT_ONCE = 2
"""Of a process: the next files are there when it has read the first ones."""

_MOST = 4
"""Processes that are started: the walk, the trees and the index, which stay here, do not feed more."""

_CODE = "import sys; from importlib import import_module; sys.path[:] = sys.argv[3:]; "
_CODE += "import_module(sys.argv[1]).main(sys.argv[2])"


class PackingEnded(CannotProceed):
    """A process that packed files for this one has ended before its work had."""

    id = "packing-ended"


Judge = Callable[[bytes, Sequence[int]], tuple[bytes, bytes]]
"""Is told digests and sizes of files that were read. Returns a byte for each, whether it is kept, and the digests
again, with zeros for those that whoever asked is to read himself."""


def processes_to_start() -> int:
    """Return how many processes help: one for each core that may be used, as this one mostly waits for them; none where
    that is but one, or where repro is not run by a Python.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        return 0
    cores = usable_cores()
    return min(cores, _MOST) if cores > 1 else 0


@dataclass(slots=True, eq=False)
class FilesRead:
    """Files that a process reads: a `Reading`."""

    processes: PackingProcesses
    folder: int
    files: bytes
    sizes: Sequence[int]
    is_sent: bool = False
    found: bytes | None = None

    def digests(self) -> bytes | None:
        """As `Reading`."""
        return self.processes.wait_for(self)


@dataclass(slots=True, eq=False)
class _Process:
    process: subprocess.Popen[bytes]
    connection: Connection
    is_ready: bool = False
    tasks: deque[FilesRead] = field(default_factory=deque)
    taken: list[WrittenPack] | None = None


class PackingProcesses:
    """Some processes. One thread calls this; `close` ends them."""

    def __init__(self, folder: str, module: str, count: int, judge: Judge, judged: Callable[[], None]) -> None:
        """Start them.

        Args:
            folder: for the packs in the making.
            module: whose `main(folder)` such a process calls.
            count: how many.
            judge: says what is kept.
            judged: called after it was said; it may call `take`.
        """
        self._judge = judge
        self._judged = judged
        self._waiting: deque[FilesRead] = deque()
        self._put_off: deque[tuple[_Process, bytes]] = deque()
        self._is_taking = False
        self._takes = 0
        self._selector = selectors.DefaultSelector()
        self._processes = [_started(folder, module) for _ in range(count)]
        for one in self._processes:
            self._selector.register(one.connection.end, selectors.EVENT_READ, one)

    def share(self, folder: int, files: bytes, sizes: Sequence[int]) -> FilesRead:
        """As `SharingSink`."""
        reading = FilesRead(self, folder, files, sizes)
        self._waiting.append(reading)
        self._hear(0)
        self._feed()
        return reading

    def wait_for(self, reading: FilesRead) -> bytes | None:
        """Return the digests of files, None where no process had time for them."""
        self._hear(0)
        self._feed()
        if not reading.is_sent:
            self._waiting.remove(reading)
            return None
        while reading.found is None:
            self._hear(None)
            self._feed()
        return reading.found

    def take(self, *, is_whole: bool) -> list[WrittenPack]:
        """Return the packs with all that was kept so far, or those that are full, to be named. What has no name
        when its process ends, that removes.

        Raises:
            OSError: the disk is full, or refuses.
            PackingEnded: a process has ended.
        """
        asked = [one for one in self._processes if one.is_ready]
        self._is_taking = True
        self._takes += 1
        try:
            for one in asked:
                one.taken = None
                self._send(one, TAKE, bytes([is_whole]))
            while any(one.taken is None for one in asked):
                self._hear(None)
        finally:
            self._is_taking = False
        return [pack for one in asked for pack in one.taken or ()]

    def give_up(self) -> list[WrittenPack]:
        """Return the packs that are full, of those processes that can still be asked; nothing more is read."""
        self._waiting.clear()
        for one in list(self._processes):
            if one.connection.is_midway:
                self._leave(one)
        self._judge, self._judged = _keep_nothing, _do_nothing
        with contextlib.suppress(PackingEnded, OSError):  # that may be why: the first error is the one to hear of
            return self.take(is_whole=False)
        return []

    def close(self) -> None:
        """End all processes, and wait until they have removed what nobody took."""
        processes = list(self._processes)
        for one in processes:
            self._leave(one)
        self._selector.close()
        for one in processes:
            one.process.wait()

    def _leave(self, one: _Process) -> None:
        self._processes.remove(one)
        self._selector.unregister(one.connection.end)
        one.connection.end.close()
        self._put_off = deque(item for item in self._put_off if item[0] is not one)

    def _feed(self) -> None:
        for one in self._processes:
            while one.is_ready and self._waiting and len(one.tasks) < _TASKS_AT_ONCE:
                task = self._waiting.popleft()
                task.is_sent = True
                one.tasks.append(task)
                self._send(one, READ, task.files, task.folder)

    def _hear(self, timeout: float | None) -> None:
        """Take what the processes say; wait for the first word where no timeout in seconds is given."""
        if self._put_off and not self._is_taking:
            while self._put_off:
                self._answer(*self._put_off.popleft())
        elif self._processes:
            takes = self._takes
            for key, _ in self._selector.select(timeout):
                if takes == self._takes:  # else what was said meanwhile was heard by `take`
                    self._take_message(key.data)

    def _take_message(self, one: _Process) -> None:
        try:
            kind, data, _ = one.connection.receive()
        except Ended:
            self._ended(one)
            return
        if kind == READY:
            one.is_ready = True
        elif kind == FAILED:
            raise decode_failure(data)
        elif kind != DIGESTS:
            one.taken = decode_packs(data)
        elif self._is_taking:
            self._put_off.append((one, data))
        else:
            self._answer(one, data)

    def _answer(self, one: _Process, digests: bytes) -> None:
        """Say what is kept of files that were read."""
        task = one.tasks.popleft()
        which, task.found = self._judge(digests, task.sizes)
        self._send(one, KEEP, which)
        self._judged()

    def _send(self, one: _Process, kind: bytes, data: bytes, folder: int | None = None) -> None:
        try:
            one.connection.send(kind, data, folder)
        except Ended:
            self._ended(one)

    def _ended(self, one: _Process) -> None:
        """Go on without a process that has not started; of any other, packs are lost."""
        self._leave(one)
        code = one.process.wait()
        if not one.is_ready:
            return
        if code > 0:
            raise RuntimeError(f"a process that packed files has ended with {code}; its traceback was printed")
        raise PackingEnded(
            f"a process that packed files for this one was ended by signal {-code}",
            "systems do that where memory is short; try again, or `taskset -c 0 repro …`: on one core it is alone",
        )


def _keep_nothing(digests: bytes, sizes: Sequence[int]) -> tuple[bytes, bytes]:
    return bytes(len(sizes)), digests


def _do_nothing() -> None: ...


def _started(folder: str, module: str) -> _Process:
    import repro

    ours, theirs = socket.socketpair()
    with theirs:
        path = [*filter(None, sys.path), os.path.dirname(os.path.dirname(repro.__file__))]
        flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
        # A terminal's Ctrl-C is for this process, which ends the other: that one never sees it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process = subprocess.Popen(
                [sys.executable, *flags, "-c", _CODE, module, folder, *path],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return _Process(process, Connection(ours))
