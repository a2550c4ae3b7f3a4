"""Options that several commands share, and the completion of their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from repro.cli.whereabouts import here, project_or_workspace
from repro.errors import ReproError

F = TypeVar("F", bound=Callable[..., Any])


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the project's runs, the newest first."""
    try:
        ids = here().records().run_ids()
    except ReproError:  # completion has nowhere to say that there is no project
        return []
    return [run for run in ["@last", *reversed(ids)] if run.startswith(incomplete)]


def complete_remote(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the configured remotes."""
    try:
        return [name for name in project_or_workspace().settings.remotes if name.startswith(incomplete)]
    except ReproError:
        return []


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
run_argument = click.argument("run", metavar="RUN", shell_complete=complete_run)
runs_argument = click.argument("runs", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)
paths_argument = click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path())
remote_option = click.option(
    "-r", "--remote", metavar="NAME", shell_complete=complete_remote, help="The remote: a name, a URL or a directory."
)
from_option = click.option(
    "--from",
    "source",
    metavar="URL",
    shell_complete=complete_remote,
    help="Take everything from this remote: a URL, a directory or a name.",
)
jobs_option = click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(1, 256), default=8, show_default=True, help="Transfers at a time."
)
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite also what is stored nowhere.")
offline_option = click.option("--offline", is_flag=True, help="Ask no package index.")
python_option = click.option("--python", metavar="PATH", help="The interpreter.")
command_argument = click.argument("command", metavar="[--] [COMMAND]...", nargs=-1, type=click.UNPROCESSED)


def recipe_options(function: F) -> F:
    """Add the options that say what goes into a run's recipe."""
    for option in reversed(
        (
            click.option("-n", "--name", metavar="NAME", help="A name for the run."),
            click.option("-m", "--message", metavar="TEXT", help="A note."),
            click.option(
                "-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="A parameter; repeatable."
            ),
            click.option("-i", "--input", "inputs", metavar="PATH", multiple=True, help="An input; repeatable."),
            click.option("-o", "--output", "outputs", metavar="PATH", multiple=True, help="An output; repeatable."),
            offline_option,
        )
    ):
        function = option(function)
    return function
