"""Runs code of a run beside its command: in the sandbox that a rebuild would have, as far as one can be had."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from repro.env.kinds import ConfinedCommand
from repro.execution import landlock
from repro.execution.bubblewrap import Bubblewrap, arguments_for, find_programs, place_links, probe
from repro.execution.interpreter_folders import interpreter_folders
from repro.execution.machine import describe_machine
from repro.execution.process import Execution
from repro.execution.sandbox import InBubblewrap, Sandbox, Unconfined, UnderLandlock, landlock_rules
from repro.execution.sandbox_choice import NO_BWRAP, NO_LANDLOCK, ORDER, refusal, weaker
from repro.execution.sandbox_etc import fill_etc
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.watching.sandbox import Mount, View, account_of, in_order
from repro.model.watching.sandbox_kind import SandboxKind


@dataclass(frozen=True, slots=True)
class _Place:
    """Folders that stand for the user's home, `/tmp` and `/etc`."""

    home: str
    temporary: str
    etc: str


def confined_in(
    kind: SandboxKind, folder: str, environ: Mapping[str, str], say: Callable[[Finding], None]
) -> Callable[[ConfinedCommand], int]:
    """Return what runs a command without the network and the user's files, and returns its exit code.

    It sees the system's programs, and what it says it needs, where that stands. Where no sandbox can be had, it runs
    without one, as in a rebuild.

    Args:
        kind: of the sandbox; `AUTO` is the best that works.
        folder: for what is the sandbox's alone; exists.
        environ: the user's variables.
        say: told `weaker-sandbox` where it is not the best.

    Raises:
        NoSandbox: by what is returned: the kind was asked for, and cannot be had.
    """
    place = _Place(*(os.path.join(folder, f"sandbox-{name}") for name in ("home", "tmp", "etc")))
    # A container is a sandbox of what runs in one: an environment of kind image, which builds nothing here.
    kind = SandboxKind.AUTO if kind is SandboxKind.CONTAINER else kind

    def run(asked: ConfinedCommand) -> int:
        for path in (place.home, place.temporary, place.etc):
            os.makedirs(path, exist_ok=True)
        reasons: list[str] = []
        for tried in ORDER if kind is SandboxKind.AUTO else (kind,):
            sandbox = _MAKERS[tried](asked, place, environ)
            if isinstance(sandbox, str):
                reasons.append(f"{tried}: {sandbox}")
                continue
            for finding in weaker(tried, reasons, "a build backend"):
                say(finding)
            own = dict(asked.environ)
            if tried is not SandboxKind.NONE:
                own |= {"HOME": place.home} | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), _temporary(tried, place))
                own.pop("XDG_RUNTIME_DIR", None)
            return sandbox.execute(Execution(asked.command, asked.cwd, own)).exit_code
        raise refusal(kind, reasons[-1].partition(": ")[2])

    return run


def _temporary(kind: SandboxKind, place: _Place) -> str:
    return "/tmp" if kind is SandboxKind.BWRAP else place.temporary  # the sandbox's own


def _bwrap(asked: ConfinedCommand, place: _Place, environ: Mapping[str, str]) -> Sandbox | str:
    machine = describe_machine()
    account = account_of(machine.host, machine.user, os.getuid(), os.getgid())
    home, temporary = os.fsencode(place.home), os.fsencode(place.temporary)
    mounts = [Mount(temporary, b"/tmp", True), Mount(temporary, b"/var/tmp", True), Mount(home, home, True)]
    mounts += [Mount(path, path) for path in _readable(asked)]
    mounts += [Mount(path, path, True) for path in map(os.fsencode, asked.writable)]
    cwd = os.fsencode(asked.cwd)
    view = View(cwd, home, os.fsencode(asked.prefix), in_order(mounts))
    fill_etc(place.etc, account, place.home)
    place_links(view, place.etc)
    programs = find_programs(environ.get("PATH", ""))
    words = NO_BWRAP
    for own_user in (True, False):  # only root can do without a user namespace
        arguments = arguments_for(view, account, place.etc, cwd, own_user=own_user)
        for program in programs:
            found = probe(program, arguments)
            if isinstance(found, Bubblewrap):
                return InBubblewrap(found)
            words = found
    return words


def _landlock(asked: ConfinedCommand, place: _Place, environ: Mapping[str, str]) -> Sandbox | str:
    if not landlock.version():
        return NO_LANDLOCK
    writable = [os.fsencode(os.path.realpath(path)) for path in (*asked.writable, place.home, place.temporary)]
    return UnderLandlock(landlock_rules(_readable(asked), writable, own_ports=False))


def _none(asked: ConfinedCommand, place: _Place, environ: Mapping[str, str]) -> Sandbox | str:
    return Unconfined()


def _readable(asked: ConfinedCommand) -> list[bytes]:
    return [os.fsencode(path) for path in (asked.prefix, *interpreter_folders(asked.prefix))]


_MAKERS = {SandboxKind.BWRAP: _bwrap, SandboxKind.LANDLOCK: _landlock, SandboxKind.NONE: _none}
