"""The code of a run in a folder of its own, for what has to look at it or execute it."""

from __future__ import annotations

import os

from repro.actions.run_source import RunSource, bring
from repro.code.restore import SubmodulePack, restore_commit
from repro.model.data.content import ObjectRef
from repro.model.digest import hex_of


def lay_out_code(source: RunSource, folder: str) -> str:
    """Write the code of a run, with its submodules, and return where: in `folder`, which exists.

    Raises:
        MissingObject, MissingOnRemote, RemoteError, IntegrityError: the code cannot be had.
    """

    def as_file(pack: ObjectRef) -> str:
        bring(source, [pack])
        path = os.path.join(folder, f"{hex_of(pack.digest)}.pack")
        with open(path, "wb") as file:
            source.cache.copy_to(pack, file.fileno())
        return path

    code = source.manifest.code
    into = os.path.join(folder, "code")
    submodules = [SubmodulePack(sub.path, sub.commit, as_file(sub.pack)) for sub in code.submodules]
    restore_commit(code.commit, as_file(code.pack), into, submodules)
    return into
