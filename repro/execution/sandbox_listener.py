"""strace as a listener inside a sandbox: it writes down the calls that fail, and is in nobody's way.

With `-DDD` the process that is started becomes the command itself, and strace its detached grandchild.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from repro.model.sandbox_misses import CALLS


def find_listener() -> tuple[str, ...]:
    """Return strace with its options, to which a log and a command are added; nothing where there is none."""
    strace = shutil.which("strace", path=os.defpath)
    if strace is None:
        return ()
    options = ("-f", "--seccomp-bpf", "-DDD", "-y", "-qq", "-s", "0", "-Z", "-e", "signal=none")
    return (strace, *options, "-e", "trace=" + ",".join(f"?{call}" for call in CALLS))


def listened(listener: Sequence[str], log: str, command: Sequence[str]) -> list[str]:
    """Return the command with a listener that writes `log`."""
    return [*listener, "-o", log, "--", *command]
