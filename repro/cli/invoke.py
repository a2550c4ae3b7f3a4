"""Calls the command line: by click, or past it for what is asked so often that click's import would show."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from repro.cli.outcome import call
from repro.cli.without_click import without_click

if TYPE_CHECKING:
    import click


def invoke(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return the process's exit code."""
    before = list(arguments[: arguments.index("--")]) if "--" in arguments else list(arguments)
    return call(without_click(arguments) or _by_click(arguments), before)


def _by_click(arguments: Sequence[str]) -> Callable[[], int]:
    def body() -> int:
        import click

        from repro.cli.main import repro
        from repro.errors import UsageError

        try:
            code = _main(repro, list(arguments))
        except click.exceptions.Exit as error:
            return error.exit_code
        except click.Abort:
            raise KeyboardInterrupt from None
        except click.ClickException as error:
            message = error.format_message().rstrip(".")
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "repro"
            text = message[:1].lower() + message[1:]
            raise UsageError(text, f"`{path} --help` tells how to call it") from None
        return code if isinstance(code, int) else 0

    return body


def _main(repro: click.Group, arguments: list[str]) -> object:
    """As click's own `main`, which would make exit code 1, "the answer is no", of a broken pipe."""
    if "_REPRO_COMPLETE" in os.environ:
        return repro.main(args=arguments, prog_name="repro", standalone_mode=False)
    with repro.make_context("repro", arguments) as context:
        return repro.invoke(context)
