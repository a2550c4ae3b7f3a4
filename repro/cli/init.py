"""`repro init`."""

from __future__ import annotations

import click

from repro.cli.whereabouts import here
from repro.report import terminal


@click.command()
def init() -> None:
    """Write a commented repro.yaml and the folder .repro/; change nothing that is there.

    Not needed before `repro run`.

    \b
    Example:
      repro init && git add repro.yaml .repro
    """
    from repro.actions.init import initialise

    for path in initialise(here()):
        terminal.say(f"wrote {path}")
