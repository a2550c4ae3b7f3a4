"""Inputs from outside the project in a rebuild: where they come from, and where the command finds them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from repro.actions.rebuild.room import Room
from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.scan import DataNotFound
from repro.errors import CannotProceed
from repro.model.data.content import Content, Kind
from repro.model.finding import Finding
from repro.model.names import RelPath, name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.outside import OutsideItem, absolute_path
from repro.store.cache.cache import Cache
from repro.store.files.digest_only import DigestOnly

_HOME = b"~/"


def outside_files(manifest: Manifest, room: Room) -> list[tuple[bytes, bytes]]:
    """Return the recorded path of each input from outside, and the file of this machine that holds it.

    What was too large to be stored is the machine's own file, if it is the same (see `missing_outside`).
    """
    home = os.fsencode(os.path.expanduser("~"))
    return [
        (item.path, absolute_path(item.path, home) if item.path in manifest.unstored else _kept(room, index))
        for index, item in enumerate(manifest.recipe.outside)
    ]


def missing_outside(manifest: Manifest, home: str) -> list[Finding]:
    """Return what is missing of the inputs of which only the digest is recorded: they must be here already."""
    return [
        Finding(
            "data-missing",
            "was too large to be stored with the run, and what is here under this name is not the same file",
            name_to_text(item.path),
            run=manifest.run,
            hint="put the file there, or raise `capture_outside` and run again",
        )
        for item in manifest.recipe.outside
        if item.path in manifest.unstored and not is_here(item, home)
    ]


def place_outside(manifest: Manifest, room: Room, cache: Cache) -> None:
    """Put the inputs from outside into the room."""
    os.makedirs(room.outside, exist_ok=True)
    for index, item in enumerate(manifest.recipe.outside):
        if item.path not in manifest.unstored:
            place(item.content, room.outside, RelPath(str(index).encode()), cache)


def place_in_home(manifest: Manifest, room: Room, home: str) -> None:
    """Put those of a user's home into another home, for a sandbox that cannot show them there."""
    for path, source in outside_files(manifest, room):
        if path.startswith(_HOME):
            target = absolute_path(path, os.fsencode(home))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source) and not os.path.islink(source):
                shutil.copytree(os.fsdecode(source), os.fsdecode(target), symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target, follow_symlinks=False)


def has_home_inputs(manifest: Manifest) -> bool:
    """Whether the run read something in its user's home."""
    return any(item.path.startswith(_HOME) for item in manifest.recipe.outside)


def not_the_same_here(manifest: Manifest) -> Iterator[Finding]:
    """Name the inputs at absolute paths that are other than recorded, where the command sees this machine's."""
    for item in manifest.recipe.outside:
        if not item.path.startswith(_HOME) and not is_here(item, ""):
            detail = "is not here as the run read it, and only the sandbox `bwrap` can put it there"
            yield Finding("input-not-placed", detail, name_to_text(item.path), run=manifest.run)


def is_here(item: OutsideItem, home: str) -> bool:
    """Whether this machine has an input from outside as it was, at its place."""
    return _content_at(absolute_path(item.path, os.fsencode(home)), item.content) == item.content


def _content_at(path: bytes, wanted: Content) -> Content | None:
    try:
        if wanted.kind in (Kind.FILE, Kind.EXECUTABLE) and os.stat(path).st_size != wanted.size:
            return None
        folder, name = os.path.split(path)
        return capture(os.fsdecode(folder), RelPath(name), DigestOnly()).content
    except (OSError, DataNotFound, CannotProceed):
        return None  # not there, or not to be read: not the same


def _kept(room: Room, index: int) -> bytes:
    return os.fsencode(os.path.join(room.outside, str(index)))
