"""What of a process is pinned beside its variables: where the kernel puts things in memory.

`id()`, the order of a set of objects without a hash of their own, and uninitialised memory follow addresses.
Source: personality(2), ADDR_NO_RANDOMIZE.
"""

from __future__ import annotations

import ctypes
import os

PINNING_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pinning_site")
"""A folder whose `sitecustomize` makes libraries deterministic, for the PYTHONPATH of a pinned command."""

_ADDR_NO_RANDOMIZE = 0x0040000
_ASK = 0xFFFFFFFF


def pin_addresses() -> bool:
    """Make every program that this process executes from now on get the same addresses each time.

    To be called in a child before it executes its command.

    Returns:
        Whether the kernel allows it: the filter of a container may not.
    """
    personality = ctypes.CDLL(None).personality
    personality.argtypes = (ctypes.c_ulong,)
    current = personality(_ASK)
    return bool(current != -1 and personality(current | _ADDR_NO_RANDOMIZE) != -1)


def can_pin_addresses() -> bool:
    """Whether `pin_addresses` would succeed. Changes nothing for this process."""
    personality = ctypes.CDLL(None).personality
    personality.argtypes = (ctypes.c_ulong,)
    current = personality(_ASK)
    if current == -1 or personality(current | _ADDR_NO_RANDOMIZE) == -1:
        return False
    personality(current)
    return True
