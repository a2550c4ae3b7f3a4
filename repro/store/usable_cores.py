"""How many processors there are for the work of this process."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

from repro.model.runs.cpu_quota import QuotaFolder, cores_within, cpus_of_max, cpus_of_quota, quota_folders


@functools.cache
def usable_cores() -> int:
    """Return for how many processes or threads there is processor time: of the cores that this process may run on, what
    the quotas of its control groups leave. Neither `os.cpu_count` nor `os.process_cpu_count` looks at those.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores_within(cores, quotas())


def quotas(proc: str = "/proc/self") -> Iterator[float]:
    """Yield the quotas of this process, in processors.

    Args:
        proc: the process's folder.
    """
    for folder in quota_folders(_text(f"{proc}/cgroup"), _text(f"{proc}/mountinfo")):
        quota = _quota(folder)
        if quota is not None:
            yield quota


def _quota(folder: QuotaFolder) -> float | None:
    if folder.version == 2:
        return cpus_of_max(_text(f"{folder.path}/cpu.max"))
    return cpus_of_quota(_text(f"{folder.path}/cpu.cfs_quota_us"), _text(f"{folder.path}/cpu.cfs_period_us"))


def _text(path: str) -> str:
    """Return what a file of the kernel's says; nothing, where there is none, or it may not be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
