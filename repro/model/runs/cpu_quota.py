"""How much processor time control groups give a process: a container's limit, which CPU affinity does not show.

Sources: the Linux kernel's documentation, "Control Group v2" (`cpu.max`) and "CFS Bandwidth Control"
(`cpu.cfs_quota_us`); cgroups(7) and proc(5) for `/proc/PID/cgroup` and `/proc/PID/mountinfo`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_ESCAPED = pattern(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class QuotaFolder:
    """Where a control group's limit is: `cpu.max` in version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` in 1."""

    path: str
    version: int


def quota_folders(groups: str, mounts: str) -> tuple[QuotaFolder, ...]:
    """Return the folders of the groups that limit a process: its own and all above, as far as they can be seen.

    Args:
        groups: what `/proc/PID/cgroup` says.
        mounts: what `/proc/PID/mountinfo` says.
    """
    own = {}
    for line in groups.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            own[2] = group
        elif "cpu" in controllers.split(","):
            own[1] = group
    found = []
    for version, top, mounted in _hierarchies(mounts):
        if version in own:
            found += [QuotaFolder(path, version) for path in _up_to(mounted, _below(own[version], top))]
    return tuple(found)


def cpus_of_max(text: str) -> float | None:
    """Return how many processors' time `cpu.max` gives, None where it sets no limit."""
    quota, _, period = text.strip().partition(" ")
    return cpus_of_quota(quota, period)


def cpus_of_quota(quota: str, period: str) -> float | None:
    """As `cpus_of_max`, of the numbers in `cpu.cfs_quota_us` and `cpu.cfs_period_us`."""
    try:
        given, of = int(quota), int(period)
    except ValueError:
        return None  # "max", or something that this kernel does not say
    return given / of if given > 0 and of > 0 else None


def cores_within(cores: int, quotas: Iterable[float]) -> int:
    """Return how many processes use up what there is of `cores` under all quotas, at least one: half a processor more
    takes one more."""
    return max(1, min([cores, *map(math.ceil, quotas)]))


def _hierarchies(mounts: str) -> Iterator[tuple[int, str, str]]:
    """Yield version, topmost group and folder of each mount of control groups that may limit processor time."""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield 2, _unescaped(fields[3]), _unescaped(fields[4])
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield 1, _unescaped(fields[3]), _unescaped(fields[4])


def _below(group: str, top: str) -> list[str]:
    """Return the names of the groups from the topmost that is mounted down to a group; none, where the mount is of
    others: a container then sees its own group there."""
    names, above = group.strip("/").split("/"), top.strip("/").split("/") if top.strip("/") else []
    if names[: len(above)] != above or ".." in names:
        return []
    return [name for name in names[len(above) :] if name]


def _up_to(top: str, names: list[str]) -> Iterator[str]:
    for count in range(len(names), -1, -1):
        yield "/".join([top.rstrip("/"), *names[:count]])


def _unescaped(field: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)
