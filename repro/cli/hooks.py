"""`repro hooks` and `repro merge-pointer`: what git calls, and how it comes to."""

from __future__ import annotations

import click

from repro.cli.options import json_option
from repro.cli.whereabouts import here
from repro.report import hooks as report
from repro.report.progress import ProgressLine


@click.group()
def hooks() -> None:
    """Install and take away git hooks.

    \b
    Example:
      repro hooks install
    """


shared_option = click.option("--shared", is_flag=True, help="Also in a folder that other repositories or clones use.")


@hooks.command()
@shared_option
@json_option
def install(shared: bool, as_json: bool) -> int:
    """Have git call `repro` at commits, pushes, checkouts and merges. Hooks that are there are kept, and called first.

    \b
    Example:
      repro hooks install
    """
    from repro.actions.hooks import install as add

    return report.show_hooks(add(here(), shared=shared), as_json=as_json)


@hooks.command()
@shared_option
@json_option
def uninstall(shared: bool, as_json: bool) -> None:
    """Take the hooks away; the hooks that were there before are back.

    \b
    Example:
      repro hooks uninstall
    """
    from repro.actions.hooks import uninstall as take_away

    report.show_uninstalled(take_away(here(), shared=shared), as_json=as_json)


@hooks.command()
@json_option
def status(as_json: bool) -> int:
    """Say which hooks are installed, which are outdated, and which others they call.

    \b
    Example:
      repro hooks status
    """
    from repro.actions.hooks import status as look

    return report.show_hooks(look(here()), as_json=as_json)


@hooks.command(context_settings={"ignore_unknown_options": True})
@click.argument("hook", metavar="HOOK")
@click.argument("arguments", metavar="[ARG]...", nargs=-1, type=click.UNPROCESSED)
def run(hook: str, arguments: tuple[str, ...]) -> int:
    """Do what a git hook does: called by the installed hooks, and by hook managers.

    \b
    Example:
      repro hooks run pre-commit
    """
    from repro.cli.hook_calls import call_hook

    return call_hook(hook, arguments)


@click.command("merge-pointer")
@click.argument("base", metavar="BASE", type=click.Path())
@click.argument("ours", metavar="OURS", type=click.Path())
@click.argument("theirs", metavar="THEIRS", type=click.Path())
@click.argument("path", metavar="PATH", type=click.Path())
def merge_pointer(base: str, ours: str, theirs: str, path: str) -> None:
    """Merge two versions of a pointer: git calls this where `repro hooks install` was.

    \b
    Example:
      repro merge-pointer base.tmp ours.tmp theirs.tmp data.repro
    """
    from repro.actions.merge_pointer import merge_pointer as merge

    project = here()
    with ProgressLine("merge") as progress:
        merge(project, base, ours, theirs, path, progress)
