"""The ingredients of a run, put where the rebuild's command finds them: code, data, directories, files from outside."""

from __future__ import annotations

import os
from collections.abc import Callable

from repro.actions.rebuild.outside import place_outside
from repro.actions.rebuild.plan import RebuildPlan
from repro.actions.rebuild.room import Room
from repro.actions.run_source import RunSource
from repro.code.filtered_tree import tree_without
from repro.code.restore import SubmodulePack, restore_commit
from repro.data.checkout import make_directory, place
from repro.data.removal import remove
from repro.errors import IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.digest import hex_of
from repro.model.names import name_to_text
from repro.model.progress import Progress
from repro.model.runs.manifest import Manifest
from repro.store.cache.cache import Cache


class WrongCode(IntegrityError):
    """A manifest's commit is not the code that its recipe names."""

    id = "wrong-code"


def restore(source: RunSource, plan: RebuildPlan, room: Room, say: Callable[[str], None], progress: Progress) -> None:
    """Put code and data where the command finds them, without what it is to make: unless it had read that before.

    Raises:
        WrongCode: the code is not the recipe's.
        MissingObject, IntegrityError: a piece is not there, or not what it must be.
    """
    manifest, cache, root = source.manifest, source.cache, room.root
    say(f"code: commit {manifest.code.commit}")
    submodules = [
        SubmodulePack(sub.path, sub.commit, _as_file(cache, sub.pack, room)) for sub in manifest.code.submodules
    ]
    restore_commit(manifest.code.commit, _as_file(cache, manifest.code.pack, room), root, submodules)
    _check_code(manifest, root)
    for output in manifest.outputs:
        remove(root, output.path)
    progress.begin("data", sum(item.content.size for item in manifest.recipe.data))
    for item in manifest.recipe.data:
        only = plan.partial.wanted.get(item.path)
        say(f"data: {name_to_text(item.path)}" + ("" if only is None else ", as far as the run read it"))
        place(item.content, root, item.path, cache, True, progress, room.staging, only=only)
    for folder in (*manifest.recipe.folders, *manifest.folders):
        make_directory(root, folder)
    place_outside(manifest, room, cache)


def _as_file(cache: Cache, pack: ObjectRef, room: Room) -> str:
    """Return the path of a code pack as a file of its own: a small object is none in the store."""
    path = os.path.join(room.packs, hex_of(pack.digest))
    os.makedirs(room.packs, exist_ok=True)
    with open(path, "wb") as file:
        cache.copy_to(pack, file.fileno())
    return path


def _check_code(manifest: Manifest, root: str) -> None:
    """The recipe's code is a tree, the commit is only recorded beside it: they must agree.

    Raises:
        WrongCode: they do not.
    """
    paths = [bytes(path) for path in (*(output.path for output in manifest.outputs), *manifest.missing_outputs)]
    found = tree_without(root, manifest.code.commit, paths)
    if found != manifest.recipe.code:
        raise WrongCode(
            f"the commit {manifest.code.commit} of {manifest.run} holds the code {found}, "
            f"and the recipe names {manifest.recipe.code}",
            "the manifest was edited: take it from where it was made",
        )
