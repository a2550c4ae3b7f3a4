"""The remotes' names and URLs in the settings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from repro.errors import UsageError
from repro.model.settings.remote_encryption import Encrypted, KeySource
from repro.model.settings.settings import parse_settings
from repro.model.settings.settings_edit import add_remote, remove_remote, set_encryption
from repro.project import LOCAL_SETTINGS_FILE, SETTINGS_FILE, Project
from repro.store.files.whole_file import replace_text


def add(project: Project, name: str, url: str, *, local: bool, key: KeySource | None = None) -> str:
    """Add a remote and return the file that names it now.

    A directory outside any URL is written as an absolute path: what is relative depends on who calls.

    Args:
        project: where.
        name: what the remote is to be called.
        url: a URL or a directory.
        local: in `.repro/local.yaml`, which git ignores.
        key: it is encrypted, and this is where its key is. That is written to `.repro/local.yaml` alone.

    Raises:
        BadRemoteName, BadSettings: it cannot be added.
        UsageError: the URL holds a password.
    """
    _refuse_password(url)
    place = url if "://" in url else os.path.abspath(os.path.join(project.cwd, os.path.expanduser(url)))
    if local:
        encrypted = Encrypted(key) if key else None
        return _edit(project, True, lambda text, what: add_remote(text, name, place, what, encrypted))
    required = Encrypted(None) if key else None
    shown = _edit(project, False, lambda text, what: add_remote(text, name, place, what, required))
    if key:
        set_key(project, name, key)
    return shown


def set_key(project: Project, name: str, key: KeySource) -> str:
    """Say in `.repro/local.yaml` where the key of a remote is, and return that file's name.

    Raises:
        BadSettings: the file cannot be changed safely.
    """
    return _edit(project, True, lambda text, what: set_encryption(text, name, Encrypted(key), what))


def refuse_taken(project: Project, name: str, url: str, *, local: bool) -> None:
    """Refuse what `add` would refuse, before a key is made for it; errors as there."""
    _refuse_password(url)
    text, what = _read(project, local)
    add_remote(text, name, "/", what)


def remove(project: Project, name: str, *, local: bool) -> str:
    """Remove a remote from the settings and return the file that named it; the remote itself is not touched.

    Raises:
        BadRemoteName, BadSettings: it cannot be removed.
    """
    shown = _edit(project, local, lambda text, what: remove_remote(text, name, what))
    text, what = _read(project, True)
    here = parse_settings(text.encode(), what)
    if name in here.encryption and name not in here.remotes:  # where its key is, and nothing else
        _edit(project, True, lambda text, what: remove_remote(text, name, what))
    return shown


def _edit(project: Project, local: bool, change: Callable[[str, str], str]) -> str:
    if local:
        project.records().prepare()
    text, shown = _read(project, local)
    replace_text(os.path.join(project.root, shown), change(text, shown))
    return shown


def _read(project: Project, local: bool) -> tuple[str, str]:
    shown = LOCAL_SETTINGS_FILE if local else SETTINGS_FILE
    text = ""
    with contextlib.suppress(FileNotFoundError), open(os.path.join(project.root, shown), encoding="utf-8") as file:
        text = file.read()
    return text, shown


def _refuse_password(url: str) -> None:
    from urllib.parse import urlsplit

    try:
        has_password = bool(urlsplit(url).password)
    except ValueError as error:
        raise UsageError(f"this is no URL: {error}", "like this: https://HOST/PATH") from error
    if has_password:
        raise UsageError(
            "the URL holds a password, and no settings file is to have one", "give it by the server's own means"
        )
