"""Measures repro and prints a Markdown table. It asserts nothing: times are the machine's as much as repro's.

python tests/benchmarks/run.py [--only NAME] [--repeat N] [--no-peers]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from uv import find_uv_bin

from tests.benchmarks.measure import Times, measure_in_turn
from tests.benchmarks.rows import GROUPS, LONG, Row, new_place

LEAST = 5


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="Measure repro and print a Markdown table.")
    parser.add_argument("--only", choices=GROUPS, action="append", help="measure this group; repeatable")
    parser.add_argument("--repeat", type=int, default=11, metavar="N", help=f"at least {LEAST}")
    parser.add_argument("--no-peers", action="store_true", help="leave out what needs DVC, which is installed else")
    given = parser.parse_args()
    left_out = LONG | ({"peers"} if given.no_peers else set())
    chosen = given.only or [name for name in GROUPS if name not in left_out]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro-benchmarks"
    _say(_machine())
    _say("")
    _say(
        "| command | compared with | CPU | wall | least wall | result (CPU) | result (wall) | result (least) | target |"
    )
    _say("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="repro-benchmark-") as folder:
        place = new_place(Path(folder), cache, find_uv_bin())
        for name in chosen:
            for row in GROUPS[name](place):
                rounds = row.rounds or max(given.repeat, LEAST)
                times = measure_in_turn((row.subject, row.base), rounds, warm_up=not row.rounds)
                _say(_line(row, *times))


def _line(row: Row, subject: Times, base: Times) -> str:
    def result(one: float, other: float) -> str:
        return f"{_ms(one - other)} more" if row.difference else f"{one / other:.2f} times"

    cells = (
        f"`{row.subject.shown}`",
        f"`{row.base.shown}`",
        f"{_ms(subject.cpu)} / {_ms(base.cpu)}",
        f"{_ms(subject.wall)} / {_ms(base.wall)}",
        f"{_ms(subject.least)} / {_ms(base.least)}",
        result(subject.cpu, base.cpu),
        result(subject.wall, base.wall),
        result(subject.least, base.least),
        row.target,
    )
    return f"| {' | '.join(cells)} |"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} x {model}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f}"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
