"""`repro log`, `repro show`, `repro diff`."""

from __future__ import annotations

import click

from repro.cli.options import complete_run, json_option, run_argument
from repro.cli.whereabouts import here
from repro.report import history as report


@click.command()
@click.option("--limit", metavar="N", type=click.IntRange(0), default=30, show_default=True, help="At most; 0 is all.")
@json_option
def log(limit: int, as_json: bool) -> int:
    """List runs, the newest first, with their metrics and what their rebuilds found.

    Exit code 3 or 4 if a record cannot be read; the others are listed.

    \b
    Example:
      repro log --limit 5
    """
    from repro.actions.history import log as look

    found = look(here(), limit)
    runs = [(one.manifest, one.rebuilds) for one in found.runs]
    report.show_log(runs, found.left_out, found.unread, as_json=as_json)
    return found.exit_code


@click.command()
@run_argument
@click.option("--objects", is_flag=True, help="List every object that the run needs instead.")
@json_option
def show(run: str, objects: bool, as_json: bool) -> None:
    """Show all about one run.

    \b
    Example:
      repro show @last
    """
    from repro.actions.history import show as look

    found = look(here(), run)
    if objects:
        report.show_objects(found.manifest, as_json=as_json)
    else:
        report.show_run(found.manifest, found.rebuilds, as_json=as_json)


@click.command()
@click.argument("one", metavar="RUN", shell_complete=complete_run)
@click.argument("two", metavar="RUN", shell_complete=complete_run)
@click.option("-u", "--patch", is_flag=True, help="The code's changes as a patch.")
@json_option
def diff(one: str, two: str, patch: bool, as_json: bool) -> int:
    """Show what changed between two runs. Exit code 1 if something did.

    \b
    Example:
      repro diff @last~1 @last
    """
    from repro.actions.history import code_patch
    from repro.actions.history import diff as compare

    project = here()
    first, second, differences = compare(project, one, two)
    if patch:
        text = code_patch(project, first, second).decode("utf-8", "backslashreplace")
        report.show_patch(text)
        return int(bool(text))
    return report.show_differences(first, second, differences, as_json=as_json)
