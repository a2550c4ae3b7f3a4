"""The files that git ignores: outputs are often among them."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator

from repro.code.git_index import read_tracked
from repro.code.ignore_rules import repository_rules
from repro.code.repository import open_repository
from repro.code.work_tree import State, is_plain, walk_work_tree
from repro.model.names import RelPath


def ignored_files(root: str, skip: Container[bytes] = ()) -> Iterator[tuple[RelPath, os.stat_result]]:
    """Yield the regular files and symlinks that git ignores, with their `lstat`, in no particular order.

    Not entered: `.git`, the root's `.repro`, nested repositories, directories whose name is in `skip`.

    Raises:
        NotARepository, BareRepository, UnsupportedRepository: see `open_repository`.
        Unreadable: a directory that git does not ignore cannot be listed.
    """
    with open_repository(root) as repo:
        tracked, rules = read_tracked(repo), repository_rules(repo)
    for found in walk_work_tree(os.fsencode(root), tracked, rules, ignored=True, skip=skip):
        if found.state is State.IGNORED and is_plain(found.stat.st_mode):
            yield RelPath(found.path), found.stat
