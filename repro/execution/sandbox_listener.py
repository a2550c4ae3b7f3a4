"""strace as a listener inside a sandbox: it writes down the calls that fail, and is in nobody's way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from repro.execution.strace import traced
from repro.model.watching.sandbox_misses import CALLS


def find_listener() -> str | None:
    """Return the system's strace, which every sandbox shows; None where there is none."""
    return shutil.which("strace", path=os.defpath)


def listened(listener: str, log: str, command: Sequence[str]) -> list[str]:
    """Return the command with a listener that writes `log`."""
    return traced(listener, CALLS, log, command, "-qq", "-Z")
