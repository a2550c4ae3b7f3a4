"""`repro add`, `repro status`, `repro checkout`."""

from __future__ import annotations

import click

from repro.cli.options import complete_run, force_option, json_option, paths_argument
from repro.cli.whereabouts import here
from repro.report import data as report
from repro.report.progress import ProgressLine


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@json_option
def add(paths: tuple[str, ...], as_json: bool) -> None:
    """Put files and directories into the store; git keeps a small pointer beside each.

    \b
    Example:
      repro add data && git add data.repro .gitignore
    """
    from repro.cli.without_click import add as track

    track(paths, as_json=as_json)


@click.command()
@paths_argument
@json_option
def status(paths: tuple[str, ...], as_json: bool) -> int:
    """Compare tracked data with its pointers, and list runs that are not sealed.

    Exit code 1 if data differs.

    \b
    Example:
      repro status
    """
    from repro.cli.without_click import status as look

    return look(paths, as_json=as_json)


@click.command()
@paths_argument
@click.option("--run", metavar="RUN", shell_complete=complete_run, help="Take what is recorded in this run.")
@force_option
@json_option
def checkout(paths: tuple[str, ...], run: str | None, force: bool, as_json: bool) -> None:
    """Bring tracked data, or a run's inputs and outputs, from the store into the work tree.

    \b
    Example:
      repro checkout data
      repro checkout --run @last out
    """
    from repro.actions import track_data

    project = here()
    if run is None:
        items = track_data.tracked_items(project, paths)
    else:
        items = track_data.run_items(project, project.records().select(run), paths)
    with ProgressLine("checkout") as progress:
        done = track_data.checkout(project, items, link=run is None, force=force, progress=progress)
    report.show_checked_out(done, as_json=as_json)
