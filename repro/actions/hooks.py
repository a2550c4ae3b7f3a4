"""Git hooks of a clone, and the merge driver for pointers: installed, looked at, taken away."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from functools import partial

import repro
from repro.code.hook_files import edit_config, install_hook, read_file, replace_file, uninstall_hook
from repro.code.hooks_folder import HooksFolder, find_hooks_folder
from repro.code.shipped_hooks import shipped
from repro.errors import CannotProceed
from repro.model.git import config_section as section
from repro.model.git.hook_state import (
    BEFORE,
    FINDER,
    HOOKS,
    LEGACY,
    Hook,
    HookReport,
    HookState,
    is_ours,
    is_same_finder,
    judge,
    manager_of,
    render_finder,
)
from repro.project import Project

_HEADER = b'[merge "repro"]'
# `binary`: between two ancestors, where no user could choose, git itself takes one or the other.
_LINES = (
    b"\tname = pointers to data kept by repro\n"
    b'\tdriver = \\"$(git rev-parse --git-path hooks)/find-repro\\" merge-pointer %O %A %B %P\n'
    b"\trecursive = binary\n"
)
_ATTRIBUTE = b"*.repro merge=repro"


class SharedHooks(CannotProceed):
    """The folder of the hooks is not this clone's alone."""

    id = "shared-hooks"


def install(project: Project, *, shared: bool) -> HookReport:
    """Install what is missing or outdated. A hook that a hook manager owns is left alone, and the report says so.

    Raises:
        SharedHooks: others use the folder as well, and `shared` is not given.
        HookInTheWay: there is no place to keep a user's own hook. What was installed before it stays.
        NoGit: git cannot be asked where its hooks are.
    """
    place = find_hooks_folder(project.root, project.environ)
    kept: list[str | None] = []
    mine = [name for name in HOOKS if _manager(place, name) is None]
    if mine and not (place.is_own or shared):
        raise _shared(place, "install", "installs them there all the same")
    if mine:
        os.makedirs(place.path, exist_ok=True)
        package = os.path.dirname(os.path.abspath(repro.__file__))
        python = os.path.abspath(sys.executable or "python3")
        finder = render_finder(shipped(FINDER), os.fsencode(python), os.fsencode(package))
        path = os.path.join(place.path, FINDER)
        if read_file(path) != finder:
            replace_file(path, finder, 0o777)
        kept += [install_hook(place.path, name, shipped(name)) for name in mine]
        for name in set(HOOKS) - set(mine):  # ours, which a manager found and calls, is kept up to date
            if is_ours(read_file(os.path.join(place.path, name + LEGACY))):
                kept.append(install_hook(place.path, name + LEGACY, shipped(name)))
        _add_merge_driver(place)
    return _report(place, kept)


def uninstall(project: Project, *, shared: bool) -> HookReport:
    """Take away what `install` brought. The user's own hooks are then where they were.

    Raises:
        SharedHooks: others use the folder as well, and `shared` is not given.
        NoGit: git cannot be asked where its hooks are.
    """
    place = find_hooks_folder(project.root, project.environ)
    if not (place.is_own or shared) and any(is_ours(read_file(os.path.join(place.path, name))) for name in HOOKS):
        raise _shared(place, "uninstall", "takes them away there")
    kept = [uninstall_hook(place.path, name + end, shipped(name)) for name in HOOKS for end in ("", LEGACY)]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(place.path, FINDER))
    if place.path == os.path.join(place.common, "hooks"):
        _remove_empty(place.path)
    edit_config(os.path.join(place.common, "config"), partial(section.without_section, header=_HEADER))
    _remove_attribute(place)
    return _report(place, kept)


def status(project: Project) -> HookReport:
    """Say how each hook stands."""
    return _report(find_hooks_folder(project.root, project.environ))


def _manager(place: HooksFolder, name: str) -> str | None:
    """Return the manager that owns a hook."""
    return manager_of(read_file(os.path.join(place.path, name)), place.path)


def _report(place: HooksFolder, kept: Iterable[str | None] = ()) -> HookReport:
    template, found = shipped(FINDER), read_file(os.path.join(place.path, FINDER))
    hooks = [_hook(place, name) for name in HOOKS]
    if not is_same_finder(found, template):
        hooks = [_without_finder(hook) if hook.state is HookState.INSTALLED else hook for hook in hooks]
    config = read_file(os.path.join(place.common, "config")) or b""
    attributes = read_file(_attributes(place)) or b""
    merges = section.has_section(config, _HEADER, _LINES) and _ATTRIBUTE in attributes.splitlines()
    return HookReport(place.path, tuple(hooks), merges, tuple(filter(None, kept)))


def _without_finder(hook: Hook) -> Hook:
    return Hook(hook.name, HookState.OUTDATED, hook.chains, f"{FINDER} beside it is not this version's")


def _hook(place: HooksFolder, name: str) -> Hook:
    path = os.path.join(place.path, name)
    return judge(
        name,
        read_file(path),
        shipped(name),
        place.path,
        has_before=os.path.lexists(path + BEFORE),
        legacy=read_file(path + LEGACY),
    )


def _add_merge_driver(place: HooksFolder) -> None:
    config = os.path.join(place.common, "config")
    if not section.has_section(read_file(config) or b"", _HEADER, _LINES):
        edit_config(config, partial(section.with_section, header=_HEADER, lines=_LINES))
    path = _attributes(place)
    before = read_file(path) or b""
    after = section.with_line(before, _ATTRIBUTE)
    if after != before:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, after, 0o666)


def _remove_attribute(place: HooksFolder) -> None:
    path = _attributes(place)
    before = read_file(path)
    after = section.without_line(before or b"", _ATTRIBUTE)
    if before and not after:
        os.unlink(path)
        _remove_empty(os.path.dirname(path))
    elif before is not None and after != before:
        replace_file(path, after, 0o666)


def _remove_empty(folder: str) -> None:
    with contextlib.suppress(OSError):  # something is in it: it stays
        os.rmdir(folder)


def _attributes(place: HooksFolder) -> str:
    """Return the clone's own attributes: those in the work tree would be a change to commit."""
    return os.path.join(place.common, "info", "attributes")


def _shared(place: HooksFolder, verb: str, what: str) -> SharedHooks:
    if place.is_versioned:
        why = f"git looks for hooks in {place.path}, which is in the work tree: what is written there is committed"
    else:
        why = f"git looks for hooks in {place.path}, which other repositories use as well"
    return SharedHooks(
        f"{why} (core.hooksPath)",
        f"`repro hooks {verb} --shared` {what}; "
        "`git config core.hooksPath .git/hooks` gives this clone hooks of its own",
    )
