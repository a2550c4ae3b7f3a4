"""`repro snapshot`, `repro run`, `repro seal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repro.cli.options import command_argument, json_option, recipe_options, run_argument
from repro.cli.outcome import RUN_FAILED
from repro.cli.whereabouts import here
from repro.model.runs.run_state import State
from repro.model.watching.watch_settings import WISHES
from repro.report import terminal
from repro.report.runs import put_sealed, put_snapshot, say_frozen, say_repeated, say_sealed

if TYPE_CHECKING:
    from repro.model.finding import Finding
    from repro.model.runs.manifest import Manifest
    from repro.project import Project


@click.command(context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@recipe_options
@json_option
@command_argument
def snapshot(
    name: str | None,
    message: str | None,
    parameters: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    offline: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> None:
    """Freeze code, data and environment, and print the run's id.

    `repro seal` adds the outputs when the command, started by something else, has ended.

    \b
    Example:
      run=$(repro snapshot -n nightly -- python train.py)
      sbatch --wait train.sbatch
      repro seal $run
    """
    from repro.actions.freeze import RunOptions, freeze

    manifest = freeze(here(), RunOptions(command, name, message, parameters, inputs, outputs, offline))
    terminal.say_some_findings(manifest.observations.findings)
    put_snapshot(manifest, as_json=as_json)


@click.command(context_settings={"allow_interspersed_args": False})
@recipe_options
@click.option(
    "--watch", metavar="MEANS", type=click.Choice(WISHES), help="How it is watched: auto, strace, audit or off."
)
@click.option("--pin", is_flag=True, help="Strict settings for numerical libraries, recorded with the run.")
@click.option("--twice", is_flag=True, help="Execute it once more, varied, and say what the result depends on.")
@command_argument
def run(
    name: str | None,
    message: str | None,
    parameters: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    offline: bool,
    watch: str | None,
    pin: bool,
    twice: bool,
    command: tuple[str, ...],
) -> int:
    """Record code, data and environment, execute COMMAND, record what it made.

    Ends with the command's exit code; 125 if repro itself failed, or an output that was named is not there.

    \b
    Example:
      repro run -n baseline -p lr=0.1 -o out -- python train.py --lr 0.1
    """
    from repro.actions.freeze import RunOptions
    from repro.actions.pin import with_pins
    from repro.actions.run import run as execute

    options = RunOptions(command, name, message, parameters, inputs, outputs, offline, watch)
    project = with_pins(here()) if pin else here()
    said: list[Finding] = []

    def begin(frozen: Manifest) -> None:
        said.extend(frozen.observations.findings)
        say_frozen(frozen)

    manifest = execute(project, options, begin, terminal.say)
    say_sealed(manifest, said)
    _archive(project, manifest, offline)
    if twice and manifest.state is State.COMPLETE:
        from repro.actions.repeat import repeat

        repeated = repeat(project, manifest, offline, terminal.say)
        say_repeated(repeated.record, repeated.started, repeated.varied, repeated.depends_on)
    if manifest.state is State.FAILED and not manifest.observations.exit_code:
        return RUN_FAILED
    return manifest.observations.exit_code or 0


@click.command()
@run_argument
@click.option("-o", "--output", "outputs", metavar="PATH", multiple=True, help="A further output; repeatable.")
@click.option("--metrics", metavar="FILE", multiple=True, help="A further metrics file; repeatable.")
@click.option(
    "--exit-code", metavar="N", type=click.IntRange(0, 255), default=0, show_default=True, help="How the command ended."
)
@json_option
def seal(run: str, outputs: tuple[str, ...], metrics: tuple[str, ...], exit_code: int, as_json: bool) -> int:
    """Record the outputs and metrics of a snapshot that something else executed.

    Exit code 1 if an output that was named is not there.

    \b
    Example:
      repro seal @last -o out --metrics out/metrics.json
    """
    from repro.actions.seal import Ending
    from repro.actions.seal import seal as complete

    project = here()
    records = project.records()
    selected = records.select(run)
    with records.hold(selected):
        opened = records.read(selected)
        manifest = complete(project, opened, Ending(exit_code=exit_code), outputs, metrics)
    say_sealed(manifest, opened.observations.findings)
    _archive(project, manifest, offline=False)
    if as_json:
        put_sealed(manifest)
    return int(bool(manifest.missing_outputs))


def _archive(project: Project, manifest: Manifest, offline: bool) -> None:
    if project.settings.environment.archives(manifest.name):
        from repro.actions.environments.archive import archive_as_settings_say

        terminal.say_findings(archive_as_settings_say(project, manifest, offline=offline))
