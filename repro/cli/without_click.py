"""The commands that are called most, without click where no option is given: its import costs more than their work.

Prompts and hooks ask for `repro status` often; `add` and `push` follow each change of the data; scripts begin with
`env create`, where mostly the environment stands already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial


def without_click(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the command if `arguments` are one of these, words and `--json`, and nothing that needs a parser."""
    named = 2 if arguments and arguments[0] == "env" else 1
    known = _COMMANDS.get(" ".join(arguments[:named]))
    words = [word for word in arguments[named:] if word != "--json"]
    if known is None or any(word.startswith("-") for word in words) or "_REPRO_COMPLETE" in os.environ:
        return None
    command, least, most = known
    if not least <= len(words) <= most:
        return None
    return partial(_talking, command, words, as_json="--json" in arguments)


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
    from repro.store.remote.objects import JOBS

    project = find_project(os.getcwd(), dict(os.environ))
    with ProgressLine("push") as progress:
        synced = send(project, runs, remote, jobs or JOBS, progress)
    show_synced("pushed", synced, as_json=as_json)
    return 0


def env_create(
    runs: Sequence[str], *, as_json: bool, source: str | None = None, python: str | None = None, offline: bool = False
) -> int:
    """Make the environment of a run or of the project's lock, or find it made; say where, and return the exit code."""
    from repro.actions.environments.create import create_environment, find_created
    from repro.actions.environments.create_conda import create_from_lock
    from repro.cli.whereabouts import project_or_workspace
    from repro.project import Project
    from repro.report.environment import show_created

    workspace = project_or_workspace()
    directory = None
    if isinstance(workspace, Project) and source is None:
        if not runs:
            directory = create_from_lock(workspace, offline=offline)
        if directory is None and python is None and not as_json:  # who reads JSON wants to know what is in it
            directory = find_created(workspace, runs[0] if runs else "@last")
    if directory is not None:
        show_created(directory, None, (), as_json=as_json)
        return 0
    created = create_environment(workspace, runs[0] if runs else "@last", source, python, offline=offline)
    show_created(created.directory, created.environment, created.findings, as_json=as_json)
    return 0


def env_lock(
    words: Sequence[str],
    *,
    as_json: bool,
    output: str | None = None,
    platforms: Sequence[str] = (),
    universal: bool = False,
    python: str | None = None,
    offline: bool = False,
) -> int:
    """Solve `environment.yml`, or pin the environment; write the lock, and return the exit code. It takes no words."""
    from repro.cli.whereabouts import here
    from repro.errors import UsageError
    from repro.report import environment as report

    project = here()
    if python is None and not universal:
        from repro.actions.environments.lock_conda import lock_wish, wish_to_lock

        source = wish_to_lock(project)
        if source is not None:
            solved = lock_wish(project, source, output, platforms, offline=offline)
            text = solved.text if output == "-" else None
            report.show_solved(solved.source, solved.platforms, solved.packages, solved.findings, text, as_json=as_json)
            return 0
    if len(platforms) + universal > 1:
        raise UsageError("a lock of pip is for one platform, or with --universal for all", "name one of them")
    from repro.actions.environments.lock import lock_environment

    platform = "universal" if universal else next(iter(platforms), None)
    locked = lock_environment(project, output, python, platform, offline=offline)
    report.show_locked(locked.environment, locked.findings, locked.text, locked.output, as_json=as_json)
    return 0


_ANY = 1_000_000_000

# The command, and how many words it takes at least and at most.
_COMMANDS: dict[str, tuple[Callable[..., int], int, int]] = {
    "status": (status, 0, _ANY),
    "add": (add, 1, _ANY),
    "push": (push, 0, _ANY),
    "env create": (env_create, 0, 1),
    "env lock": (env_lock, 0, 0),
}


def _talking(command: Callable[..., int], words: Sequence[str], *, as_json: bool) -> int:
    from repro.report import terminal

    terminal.set_talk(0, redraws=os.environ.get("TERM", "dumb") != "dumb")
    return command(words, as_json=as_json)
