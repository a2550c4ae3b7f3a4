"""The entry: `--version` without any import, and the one place where an error becomes an exit code."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        return _main()
    except KeyboardInterrupt:  # so early, or so late, that nobody else has taken it
        if sys.stderr is not None:
            sys.stderr.write("repro: interrupted\n")
        return _INTERRUPTED


def _main() -> int:
    if sys.argv[1:] == ["--version"]:
        return _show_version()
    import gc

    # A process that soon ends makes many objects and next to no cycles: looking for them as often as by default
    # costs a tenth of a run's time. The number is mypy's, for the same reason.
    gc.set_threshold(200_000)

    from repro.cli.invoke import invoke

    code = invoke(sys.argv[1:])
    gc.freeze()  # nothing is looked for once more at the end either: it takes as long as the small commands' own work
    if "rattler" in sys.modules or (code == _INTERRUPTED and _has_threads()):
        _end_at_once(code)
    return code


def _has_threads() -> bool:
    """Whether threads are at work that the end of the interpreter would wait for, as long as a server is silent."""
    if "threading" not in sys.modules:
        return False
    import threading

    return any(one is not threading.main_thread() and not one.daemon for one in threading.enumerate())


def _end_at_once(code: int) -> None:
    """End the process without taking the interpreter down first.

    Threads of py-rattler (0.28) may still be giving up Python objects: where the interpreter ends below them, the
    process crashes after all of its work, with a signal in place of its exit code.
    """
    import contextlib
    import os

    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads: `invoke` has said so
                stream.flush()
    os._exit(code)


def _show_version() -> int:
    from repro import __version__

    try:
        if sys.stdout is not None:
            sys.stdout.write(f"repro {__version__}\n")
            sys.stdout.flush()
    except BrokenPipeError:
        from repro.cli.streams import end_of_broken_pipe

        return end_of_broken_pipe()
    return 0


if __name__ == "__main__":
    sys.exit(main())
