"""`repro completion`."""

from __future__ import annotations

import click

from repro.report import terminal


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script: commands, options, runs and remotes.

    \b
    Example:
      eval "$(repro completion bash)"
    """
    from click.shell_completion import get_completion_class

    from repro.cli.main import repro

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    terminal.put(kind(repro, {}, "repro", "_REPRO_COMPLETE").source())
