"""Opening a repository whose history and index are looked at: also a bare one, and while git receives a push."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.code.repository import open_any_repository

if TYPE_CHECKING:
    from dulwich.repo import Repo


@contextmanager
def repository_to_check(root: str, environ: Mapping[str, str]) -> Iterator[Repo]:
    """Open the repository at `root`, with the objects that git has put aside while it asks a hook.

    Args:
        root: the top of a work tree, or a bare repository.
        environ: variables as git sets them for hooks: `GIT_INDEX_FILE`, `GIT_OBJECT_DIRECTORY`,
            `GIT_ALTERNATE_OBJECT_DIRECTORIES`.

    Raises:
        NotARepository, UnsupportedRepository: it cannot be read.
    """
    from dulwich.object_store import DiskObjectStore

    with open_any_repository(root) as repo:
        folders = [environ.get("GIT_OBJECT_DIRECTORY", "")]
        folders += environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "").split(os.pathsep)
        stores = [DiskObjectStore(os.path.join(root, f)) for f in folders if f and os.path.isdir(os.path.join(root, f))]
        repo.object_store.alternates.extend(stores)
        try:
            yield repo
        finally:
            for store in stores:
                store.close()
