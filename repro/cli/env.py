"""`repro env`."""

from __future__ import annotations

import click

from repro.cli.options import (
    complete_run,
    from_option,
    here,
    json_option,
    offline_option,
    project_or_workspace,
    python_option,
)
from repro.report import environment as report


@click.group()
def env() -> None:
    """Lock, show and create environments.

    \b
    Example:
      repro env lock
    """


@env.command()
@click.option("-o", "--output", metavar="FILE", help="Where, if not under the kind's own name; `-` is stdout.")
@python_option
@json_option
def lock(output: str | None, python: str | None, as_json: bool) -> None:
    """Pin the environment, and write its lock: `requirements.lock`, `conda-lock.yml` or `image.lock`.

    \b
    Example:
      repro env lock -o requirements.lock
    """
    from repro.actions.lock_environment import lock_environment

    locked = lock_environment(here(), output, python)
    report.show_locked(locked.environment, locked.findings, locked.text, locked.output, as_json=as_json)


@env.command()
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete_run)
@python_option
@json_option
def show(run: str | None, python: str | None, as_json: bool) -> None:
    """Show the environment in use here, or that of a run.

    \b
    Example:
      repro env show
      repro env show @last
    """
    from repro.actions.lock_environment import environment_here, environment_of_run

    if run is not None:
        report.show_environment(environment_of_run(here(), run), (), as_json=as_json)
        return
    captured = environment_here(here(), python)
    report.show_environment(captured.environment, captured.findings, as_json=as_json)


@env.command()
@click.argument("run", metavar="[RUN]", default="@last", shell_complete=complete_run)
@from_option
@click.option("--python", metavar="PATH", help="Use this interpreter although its version may differ.")
@offline_option
@json_option
def create(run: str, source: str | None, python: str | None, offline: bool, as_json: bool) -> None:
    """Make the environment of a run, or find it made, and print its directory.

    \b
    Example:
      source "$(repro env create @last)/bin/activate"
    """
    from repro.actions.lock_environment import create_environment

    created = create_environment(project_or_workspace(), run, source, python, offline=offline)
    report.show_created(created.directory, created.environment, created.findings, as_json=as_json)
