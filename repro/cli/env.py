"""`repro env`."""

from __future__ import annotations

import click

from repro.cli.options import complete_run, from_option, json_option, offline_option, python_option
from repro.cli.whereabouts import here
from repro.report import environment as report


@click.group()
def env() -> None:
    """Lock, show, check, create, archive and compare environments.

    \b
    Example:
      repro env lock
    """


@env.command()
@click.option("-o", "--output", metavar="FILE", help="Where, if not under the kind's own name; `-` is stdout.")
@click.option("--platform", "platforms", metavar="PLATFORM", multiple=True, help="Lock for it: linux-64. Repeatable.")
@click.option("--universal", is_flag=True, help="Of pip: lock for all platforms in one file.")
@python_option
@offline_option
@json_option
def lock(
    output: str | None, platforms: tuple[str, ...], universal: bool, python: str | None, offline: bool, as_json: bool
) -> None:
    """Solve `environment.yml`, or pin the environment, and write the lock.

    It is `requirements.lock`, `conda-lock.yml` or `image.lock`.

    \b
    Example:
      repro env lock
      repro env lock --platform linux-64 --platform osx-arm64
    """
    from repro.cli.without_click import env_lock

    env_lock(
        (),
        as_json=as_json,
        output=output,
        platforms=platforms,
        universal=universal,
        python=python,
        offline=offline,
    )


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
    from repro.actions.environments.lock import environment_here, environment_of_run

    if run is not None:
        report.show_environment(environment_of_run(here(), run), (), as_json=as_json)
        return
    captured = environment_here(here(), python)
    report.show_environment(captured.environment, captured.findings, as_json=as_json)


@env.command()
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete_run)
@from_option
@click.option("--python", metavar="PATH", help="Use this interpreter although its version may differ.")
@offline_option
@json_option
def create(run: str | None, source: str | None, python: str | None, offline: bool, as_json: bool) -> None:
    """Make the environment of a run, or find it made, and print its directory.

    Without RUN it is that of the project's `conda-lock.yml`, else that of the last run.

    \b
    Example:
      repro env create
      source "$(repro env create @last)/bin/activate"
    """
    from repro.cli.without_click import env_create

    env_create((run,) if run else (), as_json=as_json, source=source, python=python, offline=offline)


@env.command()
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete_run)
@python_option
@json_option
def check(run: str | None, python: str | None, as_json: bool) -> int:
    """Say in what the environment here is not the project's lock, or not that of a run, down to edited files.

    Exit code 1 if there is something to say.

    \b
    Example:
      repro env check
      repro env check @last
    """
    from repro.actions.environments.compare import check_environment

    return report.show_checked(check_environment(here(), run, python), run, as_json=as_json)


@env.command()
@click.argument("runs", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)
@json_option
def archive(runs: tuple[str, ...], as_json: bool) -> None:
    """Keep the files that the environments of runs are made from, so that no index needs to have them.

    \b
    Example:
      repro env archive @last
      repro push @last
    """
    from repro.actions.environments.archive import archive_runs

    archived = archive_runs(here(), runs)
    report.show_archived(
        [(one.run, one.files, one.fresh, one.needed, one.findings) for one in archived], as_json=as_json
    )


@env.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B", default=".", required=False)
@python_option
@json_option
def diff(before: str, after: str, python: str | None, as_json: bool) -> int:
    """Show how environments differ: of runs, of lock files, or (`.`) the one in use here.

    Exit code 1 if they differ.

    \b
    Example:
      repro env diff @last~1 @last
      repro env diff requirements.lock .
    """
    from repro.actions.environments.compare import compare_environments

    return report.show_difference(compare_environments(here(), before, after, python).difference, as_json=as_json)
