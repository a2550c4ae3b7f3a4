"""The commands that are called most, without click where no option is given: its import costs more than their work.

Prompts and hooks ask for `repro status` often; `add` and `push` follow each change of the data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial


def without_click(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the command if `arguments` are one of these, words and `--json`, and nothing that needs a parser."""
    look = _COMMANDS.get(arguments[0]) if arguments else None
    words = [word for word in arguments[1:] if word != "--json"]
    if look is None or any(word.startswith("-") for word in words) or "_REPRO_COMPLETE" in os.environ:
        return None
    if look is add and not words:
        return None
    return partial(_talking, look, words, as_json="--json" in arguments)


def status(paths: Sequence[str], *, as_json: bool) -> int:
    """Show how tracked data stands, and return the exit code."""
    from repro.actions.status import status as look
    from repro.project import find_project
    from repro.report.data import show_status

    return show_status(look(find_project(os.getcwd(), dict(os.environ)), paths), as_json=as_json)


def add(paths: Sequence[str], *, as_json: bool) -> int:
    """Store data, say what is tracked now, and return the exit code."""
    from repro.actions.track_data import add as track
    from repro.project import find_project
    from repro.report.data import show_added
    from repro.report.progress import ProgressLine

    project = find_project(os.getcwd(), dict(os.environ))
    with ProgressLine("add") as progress:
        added = track(project, paths, progress)
    show_added(added, as_json=as_json)
    return 0


def push(runs: Sequence[str], *, as_json: bool, remote: str | None = None, jobs: int | None = None) -> int:
    """Send runs and data, say what was sent, and return the exit code."""
    from repro.actions.push import push as send
    from repro.project import find_project
    from repro.report.data import show_synced
    from repro.report.progress import ProgressLine
    from repro.store.remote_objects import JOBS

    project = find_project(os.getcwd(), dict(os.environ))
    with ProgressLine("push") as progress:
        synced = send(project, runs, remote, jobs or JOBS, progress)
    show_synced("pushed", synced, as_json=as_json)
    return 0


_COMMANDS: dict[str, Callable[..., int]] = {"status": status, "add": add, "push": push}


def _talking(command: Callable[..., int], words: Sequence[str], *, as_json: bool) -> int:
    from repro.report import terminal

    terminal.set_talk(0, redraws=os.environ.get("TERM", "dumb") != "dumb")
    return command(words, as_json=as_json)
