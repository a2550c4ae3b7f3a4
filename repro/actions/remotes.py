"""The remotes' names and URLs in the settings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from repro.errors import UsageError
from repro.model.settings_edit import add_remote, remove_remote
from repro.project import LOCAL_SETTINGS_FILE, SETTINGS_FILE, Project
from repro.store.whole_file import replace_text


def add(project: Project, name: str, url: str, *, local: bool) -> str:
    """Add a remote and return the file that names it now.

    A directory outside any URL is written as an absolute path: what is relative depends on who calls.

    Raises:
        BadRemoteName, BadSettings: it cannot be added.
        UsageError: the URL holds a password.
    """
    _refuse_password(url)
    place = url if "://" in url else os.path.abspath(os.path.join(project.cwd, os.path.expanduser(url)))
    return _edit(project, local, lambda text, what: add_remote(text, name, place, what))


def remove(project: Project, name: str, *, local: bool) -> str:
    """Remove a remote from the settings and return the file that named it; the remote itself is not touched.

    Raises:
        BadRemoteName, BadSettings: it cannot be removed.
    """
    return _edit(project, local, lambda text, what: remove_remote(text, name, what))


def _edit(project: Project, local: bool, change: Callable[[str, str], str]) -> str:
    if local:
        project.records().prepare()
    shown = LOCAL_SETTINGS_FILE if local else SETTINGS_FILE
    path = os.path.join(project.root, shown)
    text = ""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        text = file.read()
    replace_text(path, change(text, shown))
    return shown


def _refuse_password(url: str) -> None:
    from urllib.parse import urlsplit

    if urlsplit(url).password:
        raise UsageError("the URL holds a password, and repro.yaml is committed", "give it by the server's own means")
