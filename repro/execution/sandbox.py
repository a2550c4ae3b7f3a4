"""The sandboxes that a rebuild's command can run in: one interface, three kinds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from repro.errors import CannotProceed
from repro.execution import landlock
from repro.execution.bubblewrap import Bubblewrap, run_inside
from repro.execution.capabilities import give_up_reading
from repro.execution.pinning import pin_addresses
from repro.execution.process import Execution, Outcome, Start, execute
from repro.execution.sandbox_etc import system_etc
from repro.execution.sandbox_listener import find_listener, listened
from repro.model.dataclass import dataclass
from repro.model.watching.sandbox_kind import SandboxKind
from repro.model.watching.sandbox_rules import DEVICES, GRAPHICS, GRAPHICS_KERNEL, KERNEL, MADE, SYSTEM


class NoSandbox(CannotProceed):
    """The sandbox that was asked for cannot be had here."""

    id = "no-sandbox"


class Sandbox(Protocol):
    """Runs a command to its end where it is confined as its kind can; see `repro.execution.process.execute`."""

    @property
    def kind(self) -> SandboxKind:
        """Which of the kinds it is."""
        ...

    def listens(self) -> bool:
        """Whether there is something to listen to inside, and a listener works."""
        ...

    def execute(self, execution: Execution) -> Outcome:
        """Run the command.

        Raises:
            CommandNotFound, CommandNotExecutable: it did not start. Not every kind can tell: the exit code is then
                127 or 126.
        """
        ...


@dataclass(frozen=True, slots=True)
class InBubblewrap:
    """A sandbox with a file system of its own. Its working directory is among bubblewrap's arguments."""

    bubblewrap: Bubblewrap
    kind: SandboxKind = SandboxKind.BWRAP

    def listens(self) -> bool:
        """Whether a listener works inside."""
        return self.bubblewrap.listens

    def execute(self, execution: Execution) -> Outcome:
        """Run the command inside."""
        return run_inside(self.bubblewrap, execution)


@dataclass(frozen=True, slots=True)
class UnderLandlock:
    """A sandbox of Landlock rules; `rules` is their file descriptor, see `landlock_rules`. `withhold`: root too does
    not read there what nobody may read."""

    rules: int
    withhold: bool = False
    kind: SandboxKind = SandboxKind.LANDLOCK

    def listens(self) -> bool:
        """Whether a listener works inside."""
        listener = find_listener()
        if listener is None:
            return False
        quiet = ("/bin/sh", "-c", 'exec 2>/dev/null; exec "$@"', "sh")
        tried = [*quiet, *listened(listener, os.devnull, ["true"])]
        return self.execute(Execution(tried, "/", {"PATH": os.defpath})).exit_code == 0

    def execute(self, execution: Execution) -> Outcome:
        """Run the command under these rules."""

        def prepare() -> None:
            pin_addresses()
            if self.withhold:
                give_up_reading()
            landlock.restrict_self(self.rules)

        return execute(execution, Start(prepare=prepare))


@dataclass(frozen=True, slots=True)
class Unconfined:
    """No sandbox: the command sees this machine."""

    kind: SandboxKind = SandboxKind.NONE

    def listens(self) -> bool:
        """Nothing is kept from the command: no need."""
        return False

    def execute(self, execution: Execution) -> Outcome:
        """Run the command as it is."""
        return execute(execution, Start(prepare=_pinned))


def landlock_rules(readable: Sequence[bytes], writable: Sequence[bytes], *, own_ports: bool) -> int:
    """Return the rules by which a command may read the system and these paths, and write to these; they are kept until
    this process ends. `own_ports`: it may connect to parts of itself, see `repro.execution.landlock`.

    Raises:
        LandlockRefused: the kernel makes none.
    """
    system, devices = _of_the_system()
    return landlock.make_rules((*system, *readable), (*devices, *writable), own_ports=own_ports)


def _pinned() -> None:
    pin_addresses()


def _of_the_system() -> tuple[list[bytes], list[bytes]]:
    """Return what Landlock lets a program read, and write to, of the system, as bubblewrap would show it."""
    etc = [*system_etc(), *(f"/etc/{name}" for name in MADE)]
    graphics = [f"/dev/{name}" for name in os.listdir("/dev") if name.startswith(GRAPHICS)]
    kernel = GRAPHICS_KERNEL if graphics else KERNEL
    devices = [f"/dev/{name}" for name in DEVICES]
    readable = [os.fsencode(os.path.realpath(path)) for path in (*SYSTEM, *etc, *kernel, "/proc")]
    return readable, [os.fsencode(path) for path in (*devices, *graphics)]
