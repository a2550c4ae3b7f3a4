"""`repro fsck`."""

from __future__ import annotations

import click

from repro.cli.options import json_option, remote_option
from repro.cli.whereabouts import project_or_workspace
from repro.report import fsck as report
from repro.report.progress import ProgressLine


@click.command()
@remote_option
@click.option("--repair", is_flag=True, help="Bring back what can be had; set aside what is wrong.")
@click.option("--quick", is_flag=True, help="Compare lengths and the checks of records only, not BLAKE3.")
@click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(1, 256), default=8, show_default=True, help="Files at a time."
)
@json_option
def fsck(remote: str | None, repair: bool, quick: bool, jobs: int, as_json: bool) -> int:
    """Read every object of the store, or of a remote, and check that records have all they need.

    Exit code 1 if something is missing, 4 if bytes are corrupt. Nothing is ever deleted.

    \b
    Example:
      repro fsck
      repro fsck --remote store --repair
    """
    if repair and quick:
        raise click.UsageError("--quick sees too little for a --repair: use one of them.")
    from repro.actions.fsck.fsck import fsck as check

    with ProgressLine("fsck") as progress:
        found = check(project_or_workspace(), remote, jobs, repair=repair, quick=quick, progress=progress)
    return report.show_checked(
        report.Place(found.place, found.objects, found.bytes, found.runs),
        found.findings,
        found.information,
        found.repaired,
        as_json=as_json,
    )
