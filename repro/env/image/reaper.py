"""No container outlives its run: one process waits beside it, and what was left all the same is found by its labels."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

LABEL = "repro.run"
_OWNER = "repro.owner"
_DONE = b"d"
_TRIES, _NAP_S = 10, 0.5


def owner_labels(name: str) -> dict[str, str]:
    """Return the labels of a container of this process."""
    return {LABEL: name, _OWNER: _owner(os.getpid())}


class Reaper:
    """A process in a session of its own, which removes a container when this process ends without having done so.

    It knows of the end by a pipe, so a kill of this process, or of all in its group, does not escape it.
    """

    def __init__(self, address: str, name: str, environ: Mapping[str, str]) -> None:
        """Start it; call this before the container is made, and before there are threads."""
        read, self._pipe = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                _watch(read, address, name, environ)
            finally:
                os._exit(0)
        os.close(read)

    def dismiss(self) -> None:
        """The container is gone: nothing is left to do."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, _DONE)
        os.close(self._pipe)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._process, 0)


def _watch(pipe: int, address: str, name: str, environ: Mapping[str, str]) -> None:
    os.setsid()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(one, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)
    if os.read(pipe, 1) == _DONE:
        return
    from repro.env.image.engine import engine_at
    from repro.errors import ReproError

    for _ in range(_TRIES):  # the order to make it may still be on its way
        with contextlib.suppress(ReproError), engine_at(address, environ) as engine:
            remove(engine.client.api, name)
        time.sleep(_NAP_S)


def remove(api: Any, name: str) -> None:
    """Remove a container, running or not, with the volumes that it alone has; one that is not there is removed."""
    import docker.errors

    with contextlib.suppress(docker.errors.APIError):
        api.remove_container(name, force=True, v=True)


def remove_left_over(api: Any) -> None:
    """Remove the containers whose process on this machine is gone: it was killed together with its reaper."""
    for container in api.containers(all=True, filters={"label": _OWNER}):
        owner = str(container["Labels"].get(_OWNER, ""))
        pid, _, rest = owner.partition(" ")
        here = _owner(int(pid)) if pid.isdigit() else ""
        if _namespace() == rest.rpartition(" ")[0] and here != owner:
            remove(api, container["Id"])


def _owner(pid: int) -> str:
    """Return what tells a process from all others: its number, the machine's start and namespace, its own start."""
    return f"{pid} {_namespace()} {_started(pid)}"


def _namespace() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"


def _started(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
