"""The entry: `--version` without any import, and the one place where an error becomes an exit code."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        from repro import __version__

        sys.stdout.write(f"repro {__version__}\n")
        return 0
    from repro.cli.invoke import invoke

    return invoke(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
