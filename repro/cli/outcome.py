"""Every way in which a command can end, as an exit code and a message."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from repro.cli.streams import end_of_broken_pipe, fill_closed_streams
from repro.errors import CannotProceed, ReproError
from repro.report import terminal

RUN_FAILED = 125
BUG = 70
INTERRUPTED = 130


class DiskFull(CannotProceed):
    """A disk is full, or a quota is used up."""

    id = "disk-full"


class PermissionDenied(CannotProceed):
    """The system does not let us read or write a path."""

    id = "permission-denied"


def call(body: Callable[[], int], arguments: Sequence[str]) -> int:
    """Call `body` and return the process's exit code: its own, or that of the error it ended with.

    Args:
        body: the command.
        arguments: of the command line, up to `--`.
    """
    fill_closed_streams()
    try:
        code = _call(body, arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return end_of_broken_pipe()


def _call(body: Callable[[], int], arguments: Sequence[str]) -> int:
    as_json = "--json" in arguments
    debug = "--debug" in arguments
    try:
        return body()
    except KeyboardInterrupt as stop:
        terminal.show_error("interrupted", "interrupted", str(stop) or None, as_json=as_json)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except ReproError as error:
        if debug:
            raise
        failure = error
    except OSError as error:
        if debug:
            raise
        failure = _from_system(error)
    except Exception as error:  # the last stop: a bug must leave a report, not a page of traceback
        if debug:
            raise
        return _bug(error, as_json)
    terminal.show_error(failure.id, failure.message, failure.hint, as_json=as_json)
    return _code_of(failure, arguments)


def _code_of(failure: ReproError, arguments: Sequence[str]) -> int:
    """`run` keeps the codes below 125 for its command, as `env` and `timeout` do."""
    if _command_of(arguments) != "run":
        return failure.exit_code
    return {"command-not-found": 127, "command-not-executable": 126}.get(failure.id, RUN_FAILED)


def _command_of(arguments: Sequence[str]) -> str | None:
    words = iter(arguments)
    for word in words:
        if word == "-C":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _from_system(error: OSError) -> ReproError:
    import errno

    from repro.model.names import name_to_text

    names = (os.fsencode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes))
    what = " ".join(name_to_text(name) for name in names)
    reason = error.strerror or str(error)
    message = f"{what}: {reason}" if what else reason
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "nothing is half written: make room, then do it again (REPRO_STORE and REPRO_SCRATCH say where)"
        return DiskFull(message, hint)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(message, "check the permissions of the path")
    return CannotProceed(message)


def _bug(error: Exception, as_json: bool) -> int:
    import platform
    import tempfile
    import traceback

    from repro import __version__

    text = f"repro {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n"
    text += "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile("w", prefix="repro-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(text)
    message = f"repro met an error that it does not expect: {type(error).__name__}: {error}"
    terminal.show_error("bug", message, f"please report it, with {file.name}", as_json=as_json)
    return BUG
