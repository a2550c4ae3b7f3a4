"""Root's privilege to read files that nobody may read, and how a process gives it up.

Source: capabilities(7), prctl(2); the numbers are those of `include/uapi/linux/{capability,prctl}.h`.
"""

from __future__ import annotations

import ctypes
import os

READING = ("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH")
_NUMBERS = (1, 2)
_SETPCAP = 8
_PR_CAPBSET_DROP = 24


def give_up_reading() -> None:
    """Make every program that this process executes from now on keep to the permissions of files, also as root.

    To be called in a child before it executes its command; only where `can_give_up_reading` says so.
    """
    if os.geteuid() != 0:
        return
    for number in _NUMBERS:  # what is not in the bounding set, no program gets (capabilities(7), "execve")
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)


def can_give_up_reading() -> bool:
    """Whether the user has no such privilege, or may give it up."""
    return os.geteuid() != 0 or bool(_effective() >> _SETPCAP & 1)


def _effective() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0
