"""`repro remote`, `repro push`, `repro fetch`, `repro pull`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from repro.cli.options import (
    complete_remote,
    force_option,
    jobs_option,
    json_option,
    paths_argument,
    remote_option,
    runs_argument,
)
from repro.cli.whereabouts import here, project_or_workspace
from repro.errors import UsageError
from repro.project import Project
from repro.report import data as report
from repro.report import terminal
from repro.report.progress import ProgressLine

if TYPE_CHECKING:
    from repro.model.settings.remote_encryption import KeySource

F = TypeVar("F", bound=Callable[..., Any])

_key_options = (
    click.option("--key-file", metavar="PATH", help="The key is in this file."),
    click.option("--key-command", metavar="COMMAND", help="The key is what this shell command prints."),
    click.option("--keyring", metavar="ENTRY", help="The key is in the keyring, under this name."),
)


def _with_key_options(function: F) -> F:
    for option in reversed(_key_options):
        function = option(function)
    return function


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
@click.option("--encrypt", is_flag=True, help="Encrypt all that is pushed; a key is made if there is none yet.")
@_with_key_options
def remote_add(
    name: str,
    url: str,
    local: bool,
    encrypt: bool,
    key_file: str | None,
    key_command: str | None,
    keyring: str | None,
) -> None:
    """Add a remote to repro.yaml.

    \b
    Example:
      repro remote add store /srv/repro
      repro remote add store s3://bucket/repro --encrypt
    """
    from repro.actions.remotes import add, refuse_taken

    project, key = here(), None
    named = _named(project, key_file, key_command, keyring)
    if named is not None and not encrypt:
        raise UsageError("a key was named for a remote that is plain", "add --encrypt")
    if encrypt:
        from repro.actions.remote_keys import key_for_new_remote

        refuse_taken(project, name, url, local=local)
        key = key_for_new_remote(project, name, named)
    shown = add(project, name, url, local=local, key=key.source if key else None)
    terminal.say(f"remote {name} added to {shown}")
    if key and key.made:
        terminal.say(f"its key is new: {key.shown}\nkeep a copy of it: without it nobody can read what is pushed")


@remote.command("key")
@click.argument("name", shell_complete=complete_remote)
@_with_key_options
def remote_key(name: str, key_file: str | None, key_command: str | None, keyring: str | None) -> None:
    """Say where the key of an encrypted remote is, in .repro/local.yaml.

    \b
    Example:
      repro remote key store --key-file ~/store.key
    """
    from repro.actions.remote_keys import known_key
    from repro.actions.remotes import set_key

    project = here()
    named = _named(project, key_file, key_command, keyring)
    if named is None:
        raise UsageError("nothing says where the key is", "name --key-file, --key-command or --keyring")
    project.remote_url(name)
    shown = set_key(project, name, known_key(project, named).source)
    terminal.say(f"the key of remote {name} is named in {shown}")


def _named(project: Project, file: str | None, command: str | None, keyring: str | None) -> KeySource | None:
    from repro.actions.remote_keys import key_source
    from repro.model.settings.remote_encryption import KeyKind

    return key_source(project, {KeyKind.FILE: file, KeyKind.COMMAND: command, KeyKind.KEYRING: keyring})


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
    rows = [(name, url, name == default, name in settings.encryption) for name, url in settings.remotes.items()]
    if as_json:
        terminal.put_json({"remotes": [{"name": n, "url": u, "default": d, "encrypted": e} for n, u, d, e in rows]})
        return
    words = [(n, u, " ".join(("(default)",) * d + ("(encrypted)",) * e)) for n, u, d, e in rows]
    for line in terminal.table(words):
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
    from repro.cli.without_click import push as send

    send(runs, as_json=as_json, remote=remote, jobs=jobs)


@click.command()
@runs_argument
@remote_option
@jobs_option
@click.option("--all", "everything", is_flag=True, help="All runs that the remote has.")
@click.option("--adopt", is_flag=True, help="Put the runs' manifests where git takes them from: .repro/runs.")
@json_option
def fetch(runs: tuple[str, ...], remote: str | None, jobs: int, everything: bool, adopt: bool, as_json: bool) -> None:
    """Bring objects into the store: of the tracked data, or of runs with their manifests.

    \b
    Example:
      repro fetch
      repro fetch 20261123-021300
    """
    from repro.actions.sync import fetch as bring

    if adopt and not (runs or everything):
        raise UsageError("--adopt needs runs", "name them, or give --all")
    with ProgressLine("fetch") as progress:
        synced = bring(here(), runs, remote, jobs, everything=everything, adopt=adopt, progress=progress)
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
