"""The command line's top: global options, and the commands, each imported when it is called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping

import click

from repro import __version__
from repro.report import terminal

# Command -> module and function. Only the called command's module is imported.
COMMANDS = {
    "init": "repro.cli.init:init",
    "add": "repro.cli.data:add",
    "status": "repro.cli.data:status",
    "checkout": "repro.cli.data:checkout",
    "snapshot": "repro.cli.run:snapshot",
    "run": "repro.cli.run:run",
    "seal": "repro.cli.run:seal",
    "rebuild": "repro.cli.rebuild:rebuild",
    "verify": "repro.cli.rebuild:verify",
    "check": "repro.cli.check:check",
    "log": "repro.cli.history:log",
    "show": "repro.cli.history:show",
    "diff": "repro.cli.history:diff",
    "remote": "repro.cli.remote:remote",
    "push": "repro.cli.remote:push",
    "fetch": "repro.cli.remote:fetch",
    "pull": "repro.cli.remote:pull",
    "hooks": "repro.cli.hooks:hooks",
    "merge-pointer": "repro.cli.hooks:merge_pointer",
    "fsck": "repro.cli.fsck:fsck",
    "gc": "repro.cli.gc:gc",
    "env": "repro.cli.env:env",
    "completion": "repro.cli.completion:completion",
}

SUMMARIES = {
    "init": "Write a commented repro.yaml.",
    "add": "Put data into the store; git keeps a pointer.",
    "status": "Compare tracked data with its pointers.",
    "checkout": "Bring data from the store into the work tree.",
    "snapshot": "Freeze code, data and environment.",
    "run": "Execute a command and record all of it.",
    "seal": "Record the outputs of a snapshot.",
    "rebuild": "Make a run's result again and compare every output.",
    "verify": "Check that every piece of a run is present and intact.",
    "log": "List runs.",
    "show": "Show all about one run.",
    "check": "Say which results nobody can account for.",
    "diff": "Show what changed between two runs.",
    "remote": "Add, list and remove remotes.",
    "push": "Send runs and data to a remote.",
    "fetch": "Bring runs and data from a remote into the store.",
    "pull": "Fetch the tracked data and check it out.",
    "hooks": "Install and take away git hooks.",
    "merge-pointer": "Merge two versions of a pointer; git calls it.",
    "fsck": "Check every object and record, here or on a remote, and repair.",
    "gc": "Show what nothing needs any more, and delete it.",
    "env": "Lock, show, check, create, archive and compare environments.",
    "completion": "Print a shell's completion script.",
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, function = place.split(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of a misspelt one, say the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.message + _did_you_mean(args[0]), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


def _did_you_mean(word: str) -> str:
    from repro.model.yaml.strict import nearest

    best = nearest(word, tuple(COMMANDS))
    return f" Did you mean {best!r}?" if best else ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="repro", message="%(prog)s %(version)s")
@click.option("-C", "directory", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Act in DIR.")
@click.option("-q", "--quiet", is_flag=True, help="Say only errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def repro(directory: str | None, quiet: bool, verbose: bool, debug: bool) -> None:
    """Version data, code and environment together, and rebuild any run bit for bit.

    \b
    Example:
      repro run -n baseline -- python train.py
      repro push
      repro rebuild @last
    """
    # A terminal that cannot clear its line would be filled with lines.
    terminal.set_talk(-1 if quiet else int(verbose), redraws=os.environ.get("TERM", "dumb") != "dumb")
    if directory:
        os.chdir(directory)


def environ() -> Mapping[str, str]:
    """Return this process's environment: only the command line reads it, and hands it down."""
    return dict(os.environ)
