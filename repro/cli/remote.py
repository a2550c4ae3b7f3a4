"""`repro remote`, `repro push`, `repro fetch`, `repro pull`."""

from __future__ import annotations

import click

from repro.cli.options import (
    complete_remote,
    force_option,
    here,
    jobs_option,
    json_option,
    paths_argument,
    project_or_workspace,
    remote_option,
    runs_argument,
)
from repro.report import data as report
from repro.report import terminal
from repro.report.progress import ProgressLine

_local_option = click.option("--local", is_flag=True, help="In .repro/local.yaml, which git ignores.")


@click.group()
def remote() -> None:
    """Add, list and remove remotes: directories and URLs that runs and data are pushed to.

    \b
    Example:
      repro remote add store /srv/repro
    """


@remote.command("add")
@click.argument("name")
@click.argument("url")
@_local_option
def remote_add(name: str, url: str, local: bool) -> None:
    """Add a remote to repro.yaml.

    \b
    Example:
      repro remote add store /srv/repro
    """
    from repro.actions.remotes import add

    terminal.say(f"remote {name} added to {add(here(), name, url, local=local)}")


@remote.command("list")
@json_option
def remote_list(as_json: bool) -> None:
    """List the remotes.

    \b
    Example:
      repro remote list --json
    """
    settings = project_or_workspace().settings
    default = settings.remote or (next(iter(settings.remotes)) if len(settings.remotes) == 1 else None)
    rows = [(name, url, name == default) for name, url in settings.remotes.items()]
    if as_json:
        terminal.put_json({"remotes": [{"name": n, "url": u, "default": d} for n, u, d in rows]})
        return
    for line in terminal.table([(name, url, "(default)" if chosen else "") for name, url, chosen in rows]):
        terminal.put(line)


@remote.command("remove")
@click.argument("name", shell_complete=complete_remote)
@_local_option
def remote_remove(name: str, local: bool) -> None:
    """Remove a remote from the settings; what it holds stays.

    \b
    Example:
      repro remote remove store
    """
    from repro.actions.remotes import remove

    terminal.say(f"remote {name} removed from {remove(here(), name, local=local)}")


@click.command()
@runs_argument
@remote_option
@jobs_option
@json_option
def push(runs: tuple[str, ...], remote: str | None, jobs: int, as_json: bool) -> None:
    """Send runs and tracked data to a remote; what it has is not sent again.

    \b
    Example:
      repro push
      repro push @last -r store
    """
    from repro.actions.sync import push as send

    with ProgressLine("push") as progress:
        synced = send(here(), runs, remote, jobs, progress)
    report.show_synced("pushed", synced, as_json=as_json)


@click.command()
@runs_argument
@remote_option
@jobs_option
@click.option("--all", "everything", is_flag=True, help="All runs that the remote has.")
@json_option
def fetch(runs: tuple[str, ...], remote: str | None, jobs: int, everything: bool, as_json: bool) -> None:
    """Bring objects into the store: of the tracked data, or of runs with their manifests.

    \b
    Example:
      repro fetch
      repro fetch 20261123-021300
    """
    from repro.actions.sync import fetch as bring

    with ProgressLine("fetch") as progress:
        synced = bring(here(), runs, remote, jobs, everything=everything, progress=progress)
    report.show_synced("fetched", synced, as_json=as_json)


@click.command()
@paths_argument
@remote_option
@jobs_option
@force_option
@json_option
def pull(paths: tuple[str, ...], remote: str | None, jobs: int, force: bool, as_json: bool) -> None:
    """Fetch the tracked data and check it out.

    \b
    Example:
      git pull && repro pull
    """
    from repro.actions.sync import pull as bring

    with ProgressLine("pull") as progress:
        synced, done = bring(here(), paths, remote, jobs, force=force, progress=progress)
    report.show_synced("pulled", synced, done, as_json=as_json)
