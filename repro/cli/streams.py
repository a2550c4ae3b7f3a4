"""The three standard streams when somebody has closed them, at our start or in the middle."""

from __future__ import annotations

import contextlib
import os
import sys

BROKEN_PIPE = 141  # 128 + SIGPIPE


def fill_closed_streams() -> None:
    """Put the null device where a stream was closed before we began (`repro log >&-`).

    Else the next file that is opened would get the stream's descriptor, and the command's output with it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The lowest free descriptor is given out, and those below are filled.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            mode = "w" if descriptor else "r"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as we run
            setattr(sys, name, stream)


def end_of_broken_pipe() -> int:
    """Whoever read our output has gone, `repro log | head`: return the exit code that a C program would have.

    What is still buffered goes to the null device, so that the interpreter's end does not stumble over it.
    """
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
