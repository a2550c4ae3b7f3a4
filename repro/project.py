"""The project: finds it, reads its settings, and wires the parts together."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro.errors import CannotProceed, UsageError
from repro.model.dataclass import dataclass
from repro.places import Places, find_places

if TYPE_CHECKING:
    from repro.model.settings.settings import Settings
    from repro.store.cache.cache import Cache
    from repro.store.records.runs import Records
    from repro.store.remote.remote import Remote

SETTINGS_FILE = "repro.yaml"
FOLDER = ".repro"
LOCAL_SETTINGS_FILE = f"{FOLDER}/local.yaml"


class NotAProject(CannotProceed):
    """There is no git work tree here."""

    id = "not-a-project"


class NoRemote(UsageError):
    """No remote is configured, or none of that name."""

    id = "no-remote"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a command has wherever it is called: the user's environment variables, directory and settings.

    `settings_files` are absolute paths, the nearest first; `base` is what a relative `store:` counts from.
    """

    environ: Mapping[str, str]
    cwd: str
    settings_files: tuple[str, ...]
    base: str

    @property
    def settings(self) -> Settings:
        """The settings that hold here, read when they are first asked for.

        Raises:
            BadSettings: a settings file has no meaning.
        """
        return _settings_of(self.settings_files, self.base)

    def settings_with(self, committed: bytes | None) -> Settings:
        """Return the settings that would hold here if `repro.yaml` had these bytes; None is "if there were none".

        Raises:
            BadSettings: they, or another settings file, have no meaning.
        """
        from repro.model.settings.settings import merge_settings, parse_settings

        own = os.path.join(self.base, SETTINGS_FILE)
        merged = _settings_of(self.settings_files[-1:], self.base)
        if committed is not None:
            merged = merge_settings(parse_settings(committed, SETTINGS_FILE, committed=True), merged)
        for path in reversed(self.settings_files[:-1]):
            data = None if path == own else _read(path)
            if data is not None:
                merged = merge_settings(parse_settings(data, path[len(self.base) + 1 :]), merged)
        return merged

    @property
    def places(self) -> Places:
        """The user's places: `REPRO_STORE` wins over the settings' `store`."""
        places = find_places(self.environ)
        if self.environ.get("REPRO_STORE") or not self.settings.store:
            return places
        store = os.path.join(self.base, os.path.expanduser(self.settings.store))
        return Places(store, places.scratch, places.config)

    def cache(self) -> Cache:
        """Return the objects on this machine."""
        return _cache_at(self.places.store)

    def remote_url(self, name: str | None) -> tuple[str, str]:
        """Return the name and URL of the remote `name`, or of the default one.

        Raises:
            NoRemote: there is none, or several and none is the default.
        """
        return choose_remote(self.settings, name)

    def open_remote(self, url: str, settings: Settings | None = None) -> Remote:
        """Return the remote at `url`, by these settings or those that hold here.

        A relative path counts from the current directory.
        """
        from repro.remote_access import open_place

        return open_place(url, self.cwd, self.base, settings or self.settings, self.environ, self.places.encrypting)


@dataclass(frozen=True, slots=True)
class Project(Workspace):
    """A git work tree with its records. `root` is its absolute path without symlinks."""

    root: str

    def cache(self) -> Cache:
        """Return the objects on this machine, which from now on keep what this project's records need."""
        from repro.store.cache.known_projects import note_project

        note_project(self.places.store, self.root)
        return _cache_at(self.places.store)

    @property
    def folder(self) -> str:
        """The folder `.repro/`."""
        return os.path.join(self.root, FOLDER)

    @property
    def memos(self) -> str:
        """Where this machine's memory of the project's files lies."""
        return os.path.join(self.folder, "local", "memo")

    @property
    def staging(self) -> str:
        """Where files of the work tree are written before they take their place."""
        return os.path.join(self.folder, "local", "tmp")

    def store_root(self) -> str:
        """Return where the store is: a call, as the settings may have to be read for it."""
        return self.places.store

    def records(self) -> Records:
        """Return the project's manifests and rebuild records."""
        from repro.store.records.runs import Records

        return Records(self.folder)

    def relative(self, path: str) -> bytes:
        """Return `path` (relative to the current directory, or absolute) relative to the root; the root is `b"."`.

        The last component is not followed if it is a link.

        Raises:
            UsageError: it lies outside the project.
        """
        if not path:
            raise UsageError("a path is empty", "`.` is the current directory")
        absolute = os.path.normpath(os.path.join(self.cwd, path))
        parent, name = os.path.split(absolute)
        real = os.path.join(os.path.realpath(parent), name) if absolute != self.root else absolute
        if real == self.root or os.path.realpath(absolute) == self.root:
            return b"."
        if not real.startswith(self.root + os.sep):
            raise UsageError(f"{path} lies outside the project {self.root}", "copy it into the project, then name that")
        return os.fsencode(real[len(self.root) + 1 :])


def choose_remote(settings: Settings, name: str | None) -> tuple[str, str]:
    """Return the name and URL of the remote `name`, or of the default one.

    Raises:
        NoRemote: there is none, or several and none is the default.
    """
    remotes = settings.remotes
    chosen = name or settings.remote or (next(iter(remotes)) if len(remotes) == 1 else None)
    known = ", ".join(remotes) or "none"
    if chosen is None and remotes:
        raise NoRemote(f"there are several remotes: {known}", "name one with -r, or set `remote:` in repro.yaml")
    if chosen is None:
        raise NoRemote("no remote is configured", "`repro remote add NAME URL` adds one")
    if chosen not in remotes:
        raise NoRemote(f"no remote is called {chosen!r} (known: {known})", f"if it is a directory: ./{chosen}")
    return chosen, remotes[chosen]


def open_workspace(cwd: str, environ: Mapping[str, str]) -> Workspace:
    """Return what is there without a project.

    Raises:
        BadSettings: the user's settings file has no meaning.
    """
    workspace = Workspace(environ, cwd, (find_places(environ).config,), cwd)
    _settings_of(workspace.settings_files, workspace.base)
    return workspace


def find_root(cwd: str) -> str | None:
    """Return the git work tree that `cwd` is in, without symlinks, or None."""
    here = os.path.realpath(cwd)
    while True:
        if os.path.exists(os.path.join(here, ".git")):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def find_bare(cwd: str) -> str | None:
    """Return the git repository without a work tree that `cwd` is in, as git tells one, or None."""
    here = os.path.realpath(cwd)
    while not (os.path.isfile(os.path.join(here, "HEAD")) and os.path.isdir(os.path.join(here, "objects"))):
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
    return here


def find_project(cwd: str, environ: Mapping[str, str]) -> Project:
    """Return the project that `cwd` is in.

    Raises:
        NotAProject: there is no git work tree.
        BadSettings: a settings file has no meaning.
    """
    root = find_root(cwd)
    if root is None and find_bare(cwd):
        raise NotAProject(
            f"{cwd} is inside a bare git repository: it has no work tree", "call repro in a clone or a git worktree"
        )
    if root is None:
        raise NotAProject(f"{cwd} is not inside a git repository", "`git init` makes one, `repro init` comes after it")
    files = (LOCAL_SETTINGS_FILE, SETTINGS_FILE)
    config = find_places(environ).config
    project = Project(environ, os.path.realpath(cwd), (*(os.path.join(root, f) for f in files), config), root, root)
    _check_settings(project)
    return project


def _check_settings(project: Project) -> None:
    """Read the settings so that a fault in them is told by any command, unless they are, byte for byte, those that
    were read without fault the last time: the parser's import would cost `status` more than all else."""
    files = [_read(path) for path in project.settings_files]
    if not any(files):
        return
    seen = b"\0".join(data or b"" for data in files)
    local = os.path.join(project.folder, "local")
    memo = os.path.join(local, "settings-read")
    if _read(memo) == seen:
        return
    _settings_of(project.settings_files, project.base)
    if os.path.islink(project.folder) or os.path.islink(local):
        return  # out of a clone, it could lead anywhere
    with contextlib.suppress(OSError):  # no folder yet, or no room: the settings are read again next time
        temp = f"{memo}.{os.getpid()}"
        with open(temp, "wb") as file:
            file.write(seen)
        os.replace(temp, memo)


@functools.cache
def _settings_of(files: tuple[str, ...], base: str) -> Settings:
    from repro.model.settings.settings import Settings, merge_settings, parse_settings

    merged = Settings()
    for path in reversed(files):
        data = _read(path)
        if data is not None:
            inside = path != files[-1]  # the last is the user's, wherever that is
            shown = path[len(base) + 1 :] if inside else path
            merged = merge_settings(parse_settings(data, shown, committed=shown == SETTINGS_FILE), merged)
    return merged


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


@functools.cache
def _cache_at(root: str) -> Cache:
    """One object per store: it remembers what must be flushed before a record is published."""
    from repro.store.cache.cache import Cache

    return Cache(root, "repro.packing_process")
