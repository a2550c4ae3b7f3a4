"""Calls the command line: by click, or past it for what is asked so often that click's import would show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from repro.cli.outcome import call
from repro.cli.plain_status import plain_status


def invoke(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return the process's exit code."""
    before = list(arguments[: arguments.index("--")]) if "--" in arguments else list(arguments)
    return call(plain_status(arguments) or _by_click(arguments), before)


def _by_click(arguments: Sequence[str]) -> Callable[[], int]:
    def body() -> int:
        import click

        from repro.cli.main import repro
        from repro.errors import UsageError

        try:
            code = repro.main(args=list(arguments), prog_name="repro", standalone_mode=False)
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
