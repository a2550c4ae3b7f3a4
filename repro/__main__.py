"""The entry: `--version` without any import, and the one place where an error becomes an exit code."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        return _main()
    except KeyboardInterrupt:  # so early, or so late, that nobody else has taken it
        if sys.stderr is not None:
            sys.stderr.write("repro: interrupted\n")
        return 130


def _main() -> int:
    if sys.argv[1:] == ["--version"]:
        return _show_version()
    import gc

    # A process that soon ends makes many objects and next to no cycles: looking for them as often as by default
    # costs a tenth of a run's time. The number is mypy's, for the same reason.
    gc.set_threshold(200_000)

    from repro.cli.invoke import invoke

    return invoke(sys.argv[1:])


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
