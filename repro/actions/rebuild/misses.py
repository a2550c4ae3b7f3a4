"""Naming what the command of a rebuild looked for in vain: strace listens, where it works in the sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from repro.actions.rebuild.room import Room
from repro.actions.rebuild.sandbox import Setting
from repro.actions.rebuild.view import shown_folders
from repro.data.hollow import is_hollow
from repro.execution.sandbox_listener import find_listener, listened
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.watching.sandbox import is_inside
from repro.model.watching.sandbox_misses import Miss, misses_of
from repro.model.watching.watch_record import Means

_LAST = 3  # of what is nowhere: the last is what a program most likely failed for
_MOST = 20
_UNREAD = "fetch tracked directories whole: repro rebuild --whole RUN"
_HINT = "record it: let the run be watched, or name it with -i; `--sandbox none` shows this machine"


def listening(setting: Setting, manifest: Manifest, command: Sequence[str]) -> list[str]:
    """Return the command, with strace writing down what fails in it, where that can be had.

    Not where nothing is kept away, nor where the run itself could not be traced.
    """
    untraceable = manifest.observations.watched == Means.AUDIT or "=" in command[0]
    listener = find_listener()
    if untraceable or listener is None or not setting.sandbox.listens():
        return list(command)
    # `env` finds the command, and says by its exit code if there is none.
    return listened(listener, setting.log, ["/usr/bin/env", *command])


def missed(setting: Setting, manifest: Manifest, room: Room, failed: bool) -> list[Finding]:
    """Return what the command was refused; where it failed, also what it last looked for and is nowhere."""
    found = _misses(setting, room)
    hosts = [miss.host for miss in found if miss.host is not None]
    findings = [Finding("network-refused", f"the command tried to reach {host}: there is no network") for host in hosts]
    findings += _once_reached(manifest, hosts)
    there: list[Miss] = []
    nowhere: list[Miss] = []
    for miss in found:
        if miss.path is None:
            continue
        own = _own(setting, room, miss.path)
        if miss.refused and is_hollow(own):
            detail = (
                "the command was refused it: it is in tracked data, and was not fetched, as the run did not read it"
            )
            findings.append(Finding("not-fetched", detail, name_to_text(miss.path), hint=_UNREAD))
        if os.path.lexists(own):
            continue  # it was not there at first, and then the command made it
        (there if miss.refused or _is_here(manifest, miss.path) else nowhere).append(miss)
    findings += _told(there[-_MOST:], "this machine has it, and the record has not")
    if failed:
        findings += _told(nowhere[-_LAST:], "it is neither here nor in the record")
    return findings


def _misses(setting: Setting, room: Room) -> list[Miss]:
    try:
        with open(room.log, "rb") as file:
            return misses_of(file, shown_folders(setting.view, setting.kept))
    except FileNotFoundError:
        return []  # nobody listened


def _once_reached(manifest: Manifest, told: Sequence[str]) -> Iterator[Finding]:
    """Name the hosts that the run reached: what it got there is no part of the record, whoever answers now."""
    watch = manifest.observations.watch
    for host in [host for host in (watch.hosts if watch else ()) if host not in told][:_MOST]:
        detail = f"the run was connected to {host}: what it got there is not recorded"
        yield Finding("network-read", detail, hint="record it: download it first, and `repro add` it")


def _told(found: Sequence[Miss], why: str) -> Iterator[Finding]:
    for miss in found:
        what = "the command was refused it" if miss.refused else f"the command looked for it in vain: {why}"
        yield Finding("not-recorded", what, name_to_text(miss.path or b""), hint=_HINT)


def _is_here(manifest: Manifest, path: bytes) -> bool:
    """Whether this machine has what the command looked for, at its path or at the same place in its own home."""
    place = manifest.observations.place
    if place is not None and is_inside(path, place.home):
        path = os.fsencode(os.path.expanduser("~")) + path[len(place.home) :]
    return os.path.lexists(path)


def _own(setting: Setting, room: Room, path: bytes) -> bytes:
    """Return the path on this machine of a path in the rebuild's own folders, as the command sees it; of another, of
    nothing."""
    folders = ((setting.view.root, room.root), (setting.view.home, room.home))
    for seen, own in folders:
        if is_inside(path, seen):
            return os.fsencode(own) + path[len(seen) :]
    return b""
