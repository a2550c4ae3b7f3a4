"""Manifests, archive records and pointers in all that git remembers: every commit of refs and reflogs, the index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.git_index import read_tracked
from repro.code.object_reader import peeled_commit, read_object, read_tree
from repro.code.pack_format import BLOB
from repro.code.pointer_files import SUFFIX
from repro.code.repository import MissingCommit, open_repository
from repro.model.dataclass import dataclass

if TYPE_CHECKING:
    from dulwich.repo import Repo

_FOLDERS = (b".repro/runs/", b".repro/archives/")


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that a commit or the index has: its path there, and its bytes."""

    path: bytes
    data: bytes


def recorded_files(root: str) -> Iterator[RecordedFile]:
    """Yield every manifest, archive record (`.repro/archives/*/*.yaml`) and pointer file (`*.repro`).

    Each content comes under each name once.

    What git has deleted or never fetched (a shallow clone's older commits) is passed over: it names nothing here.

    Args:
        root: the work tree's top.

    Raises:
        NotARepository, UnsupportedRepository: see `open_repository`.
        BadGitObject: an object is damaged.
    """
    with open_repository(root) as repo:
        walk = _Walk(repo)
        for path, entry in sorted(read_tracked(repo).files.items()):
            if entry.mode in (git.MODE_FILE, git.MODE_EXECUTABLE) and _is_record(path):
                yield from walk.file(path, entry.oid)
        for tree in _all_trees(repo):
            yield from walk.tree(tree, b"")


def _is_record(path: bytes) -> bool:
    return path.endswith(SUFFIX) or (path.startswith(_FOLDERS) and path.endswith(b".yaml"))


class _Walk:
    """Each tree is looked into once. Where `.repro` may stand (at the top) counts as another tree."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._trees: set[tuple[bytes, bytes]] = set()
        self._files: set[tuple[bytes, bytes]] = set()

    def tree(self, oid: bytes, prefix: bytes) -> Iterator[RecordedFile]:
        kind = prefix if any(folder.startswith(prefix) for folder in _FOLDERS) else b"/"
        if (oid, kind) in self._trees:
            return
        self._trees.add((oid, kind))
        try:
            entries = read_tree(self._repo, oid)
        except MissingCommit:
            return
        for entry in entries:
            path = prefix + entry.name
            if entry.mode == git.MODE_TREE:
                yield from self.tree(entry.oid, path + b"/")
            elif entry.mode not in (git.MODE_GITLINK, git.MODE_SYMLINK) and _is_record(path):
                yield from self.file(path, entry.oid)

    def file(self, path: bytes, oid: bytes) -> Iterator[RecordedFile]:
        key = (oid, path.rsplit(b"/", 1)[-1])
        if key in self._files:
            return
        self._files.add(key)
        with contextlib.suppress(MissingCommit):
            yield RecordedFile(path, read_object(self._repo, oid, BLOB))


def _all_trees(repo: Repo) -> Iterator[bytes]:
    """Yield the trees of all commits that can be reached from a ref, HEAD, or a reflog."""
    pending = list(_tips(repo))
    seen = set(pending)
    while pending:
        oid = pending.pop()
        found = peeled_commit(repo, oid)
        if found is None:
            continue
        header = git.parse_commit(found[1])
        yield header.tree
        for parent in header.parents:
            if parent not in seen:
                seen.add(parent)
                pending.append(parent)


def _tips(repo: Repo) -> set[bytes]:
    tips: set[bytes] = set(repo.refs.as_dict().values())
    for name in repo.refs.allkeys():
        for entry in repo.read_reflog(name):
            tips |= {bytes(entry.old_sha), bytes(entry.new_sha)}
    return tips - {b"0" * 40}
