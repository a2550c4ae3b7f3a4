"""`repro gc`."""

from __future__ import annotations

import click

from repro.cli.options import json_option, remote_option
from repro.cli.whereabouts import project_or_workspace
from repro.report import gc as report
from repro.report.progress import ProgressLine


@click.command()
@remote_option
@click.option("--delete", is_flag=True, help="Delete what nothing needs; on a remote: condemn it first.")
@click.option("--grace", metavar="TIME", default="14d", show_default=True, help="What is younger than this stays.")
@click.option("--forget-gone", is_flag=True, help="Forget projects that cannot be found.")
@json_option
def gc(remote: str | None, delete: bool, grace: str, forget_gone: bool, as_json: bool) -> int:
    """Show what no manifest and no pointer needs any more, in any project; delete it with --delete.

    \b
    Example:
      repro gc
      repro gc --delete
      repro gc --remote store --delete
    """
    from repro.actions.gc.gc import gc as collect
    from repro.model.packs.gc_plan import parse_grace

    seconds = parse_grace(grace)
    with ProgressLine("gc") as progress:
        found = collect(
            project_or_workspace(), remote, seconds, delete=delete, forget_gone=forget_gone, progress=progress
        )
    report.show_collected(found.place, found.garbage, found.projects, deleted=delete, as_json=as_json)
    return 0
