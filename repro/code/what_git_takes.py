"""Whether one file of the work tree came with the clone, or would go along with the next commit."""

from __future__ import annotations

import os

from repro.code.git_index import read_tracked
from repro.code.ignore_rules import repository_rules
from repro.code.repository import open_repository


def came_with_clone(root: str, path: bytes) -> bool:
    """Whether git brought the file, so that anybody may have written it.

    True where git tracks it, tracks its folder (a submodule, a link), or a link leads to it.

    Args:
        root: the work tree's top, an absolute path without links.
        path: relative to it.

    Raises:
        NotARepository, UnsupportedRepository: see `open_repository` and `read_tracked`.
    """
    full = os.path.join(os.fsencode(root), path)
    if os.path.realpath(full) != full:
        return True
    components = path.lower().split(b"/")  # some file systems fold case
    above = {b"/".join(components[:count]) for count in range(1, len(components) + 1)}
    with open_repository(root) as repo:
        return any(tracked.lower() in above for tracked in read_tracked(repo).files)


def would_be_committed(root: str, path: bytes) -> bool:
    """Whether git tracks the file or does not ignore it; it need not exist. Arguments and errors as above."""
    with open_repository(root) as repo:
        if path in read_tracked(repo).files:
            return True
        rules = repository_rules(repo)
    components = path.split(b"/")
    for count, name in enumerate(components, 1):
        folder = b"".join(component + b"/" for component in components[: count - 1])
        rules = rules.inside(folder, os.path.join(os.fsencode(root), folder, b".gitignore"))
        if rules.ignores(folder + name, name, count < len(components)):
            return False
    return True
