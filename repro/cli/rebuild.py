"""`repro rebuild`, `repro verify`."""

from __future__ import annotations

import click

from repro.cli.options import from_option, json_option, offline_option, run_argument
from repro.cli.whereabouts import project_or_workspace
from repro.model.watching.sandbox_kind import SandboxKind
from repro.report import rebuild as report
from repro.report import terminal
from repro.report.progress import ProgressLine


@click.command()
@run_argument
@from_option
@click.option("--into", metavar="DIR", type=click.Path(), help="Rebuild in DIR, which is empty or absent, and keep it.")
@click.option("--keep", is_flag=True, help="Keep the directory of a good rebuild too.")
@click.option("--python", metavar="PATH", help="Use this interpreter although its version may differ.")
@click.option(
    "--sandbox",
    metavar="KIND",
    type=click.Choice([str(kind) for kind in SandboxKind]),
    help="Run the command in auto, bwrap, landlock or none.",
)
@click.option("--whole", is_flag=True, help="Fetch tracked directories whole, not only what the run read of them.")
@offline_option
@click.option("--push", is_flag=True, help="Put the verdict on the remote as well.")
@json_option
def rebuild(
    run: str,
    source: str | None,
    into: str | None,
    keep: bool,
    python: str | None,
    sandbox: str | None,
    whole: bool,
    offline: bool,
    push: bool,
    as_json: bool,
) -> int:
    """Make a run's result again from its manifest, and compare every output.

    Exit code 0 only if the verdict is identical or equivalent. This executes the run's command: rebuild runs of
    people whom you would let run a program on your machine.

    \b
    Example:
      repro rebuild @last
      repro rebuild --from /srv/repro 20261123-021300-7f3kq2mz
    """
    from repro.actions.rebuild.rebuild import RebuildOptions
    from repro.actions.rebuild.rebuild import rebuild as make

    kind = SandboxKind(sandbox) if sandbox else None
    options = RebuildOptions(source, into, keep, python, offline, push, kind, whole)
    with ProgressLine("fetch") as progress:
        rebuilt = make(project_or_workspace(), run, options, terminal.say, progress)
    return report.show_rebuilt(rebuilt.record, rebuilt.started, rebuilt.directory, rebuilt.corrupt, as_json=as_json)


@click.command()
@run_argument
@from_option
@json_option
def verify(run: str, source: str | None, as_json: bool) -> int:
    """Check that every piece of a run is present and intact; execute nothing.

    \b
    Example:
      repro verify @last
      repro verify --from store @last
    """
    from repro.actions.verify import verify as check

    with ProgressLine("verify") as progress:
        checked = check(project_or_workspace(), run, source, progress)
    return report.show_verified(
        checked.run, checked.findings, checked.objects, checked.corrupt, checked.outside, as_json=as_json
    )
