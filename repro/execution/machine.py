"""What this machine is: for observations, and for what a recipe pins."""

from __future__ import annotations

import os
import platform
import pwd
from collections.abc import Mapping

from repro.model.runs.processor import features_of
from repro.model.watching.observations import Machine
from repro.model.watching.place import Place

_ZONES = "/zoneinfo/"


def describe_machine() -> Machine:
    """Return host, user, kernel, processor, and how many processors this process may use."""
    system = os.uname()
    return Machine(
        host=system.nodename,
        user=_user(),
        system=f"{system.sysname} {system.release} {system.machine}",
        processor=_processor(),
        cpus=len(os.sched_getaffinity(0)),
        cpu_features=features_of(_processor_line("flags") or _processor_line("Features") or ""),
    )


def describe_place(root: str, environ: Mapping[str, str]) -> Place:
    """Return where a run stands: the project's root, and whose it is."""
    home = environ.get("HOME") or os.path.expanduser("~")
    return Place(os.fsencode(root), os.fsencode(home), os.getuid(), os.getgid())


def time_zone(environ: Mapping[str, str], localtime: str = "/etc/localtime") -> str | None:
    """Return the name of the time zone in use, `Europe/Berlin`, or None where the system does not name it."""
    if "TZ" in environ:
        return environ["TZ"]
    target = os.path.realpath(localtime)
    if _ZONES in target:
        return target.split(_ZONES, 1)[1].removeprefix("posix/")
    return None if os.path.exists(localtime) else "UTC"


def current_umask() -> int:
    """Return this process's umask, without a moment in which it is another (Linux tells it in /proc)."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except FileNotFoundError:
        pass  # not Linux
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def processors_for(count: int) -> list[int] | None:
    """Return `count` of the processors that this process may use, or None where it may not use as many."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[:count] if 0 < count <= len(usable) else None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return str(os.getuid())


def _processor() -> str | None:
    return _processor_line("model name") or platform.processor() or None


def _processor_line(key: str) -> str | None:
    """Return what the kernel says of the first processor under `key`; None where it says nothing."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            for line in info:
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
    except FileNotFoundError:
        pass  # not Linux
    return None
