"""Whether the code of a run is in a branch's history: as its commit, as the same tree, or file by file.

What each of the three means is in `docs/reference/settings.md`, section "Results and rules".
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from repro.code.code_pack_files import Files
from repro.code.files_in_git import CommittedFiles, FilesInGit
from repro.code.filtered_tree import tree_without_paths
from repro.code.object_reader import iterate_files, read_commit
from repro.code.repository import MissingCommit
from repro.code.work_tree import RECORDS
from repro.model.dataclass import dataclass
from repro.model.names import is_within

if TYPE_CHECKING:
    from dulwich.repo import Repo

_SKEW = 30 * 24 * 3600
"""Seconds by which clocks of those who commit may differ before a commit is overlooked."""

_MOST = 20_000
"""Commits that are looked at file by file. Beyond it the answer is not known."""


@dataclass(frozen=True, slots=True)
class _Commit:
    oid: bytes
    tree: bytes
    time: int


class History:
    """The commits that can be reached from some tips, newest first, read as far as they are asked for."""

    def __init__(self, repo: Repo, tips: Iterable[bytes], staged: FilesInGit | None = None) -> None:
        """Take the tips; `staged` are files of a commit that is yet to be made."""
        self._repo = repo
        self._staged = staged
        self._read: list[_Commit] = []
        self._seen: set[bytes] = set()
        self._waiting: list[tuple[int, bytes, bytes, tuple[bytes, ...]]] = []
        self.is_cut_off = bool(repo.get_shallow())
        for tip in tips:
            self._note(tip)

    def has_commit(self, oid: bytes) -> bool:
        """Whether a commit is in the history."""
        from dulwich.objects import ObjectID

        if ObjectID(oid) not in self._repo.object_store:
            return False
        time = read_commit(self._repo, oid)[1]
        for commit in self._commits():
            if commit.oid == oid:
                return True
            if commit.time < time - _SKEW:
                return False
        return False

    def has_code(self, tree: bytes, without: Iterable[bytes], since: int) -> bool:
        """Whether a commit has this tree, `.repro/` and the paths `without` left out.

        Args:
            tree: hex id.
            without: paths.
            since: seconds since 1970: commits from before that are in the history as they were, or not at all.
        """
        left_out = tuple(without)
        looked_at = set()
        for commit in self._commits():
            if commit.time < since - _SKEW:
                return False
            if commit.tree not in looked_at and tree_without_paths(self._repo, commit.tree, left_out) == tree:
                return True
            looked_at.add(commit.tree)
        return False

    def has_files(self, files: Files, without: Iterable[bytes]) -> bool | None:
        """Whether each file stood at its path in some commit, `.repro/` and `without` left out; None is "not known"."""
        left_out = (RECORDS, *without)
        wanted = {path: file for path, file in files.items() if not any(is_within(path, out) for out in left_out)}
        if self._staged is not None:
            _take_away(wanted, self._staged)
        looked_at = set()
        for number, commit in enumerate(self._commits()):
            if not wanted:
                return True
            if number == _MOST:
                return None
            if commit.tree not in looked_at:
                _take_away(wanted, CommittedFiles(self._repo, commit.tree))
            looked_at.add(commit.tree)
        return not wanted

    def files_of(self, commit: bytes) -> Files | None:
        """Return the files of a commit, in the history or not; None where the repository does not have it."""
        try:
            tree = read_commit(self._repo, commit)[0].tree
            return {path: (entry.mode, entry.oid) for path, entry in iterate_files(self._repo, tree)}
        except MissingCommit:
            return None

    def _commits(self) -> Iterator[_Commit]:
        position = 0
        while True:
            if position == len(self._read) and not self._advance():
                return
            yield self._read[position]
            position += 1

    def _advance(self) -> bool:
        if not self._waiting:
            return False
        time, oid, tree, parents = heapq.heappop(self._waiting)
        self._read.append(_Commit(oid, tree, -time))
        for parent in parents:
            self._note(parent)
        return True

    def _note(self, oid: bytes) -> None:
        if oid in self._seen:
            return
        self._seen.add(oid)
        try:
            header, time = read_commit(self._repo, oid)
        except MissingCommit:  # below what a shallow clone has
            self.is_cut_off = True
            return
        heapq.heappush(self._waiting, (-time, oid, header.tree, header.parents))


def _take_away(wanted: dict[bytes, tuple[int, bytes]], files: FilesInGit) -> None:
    """Remove from `wanted` what stands in `files`."""
    for path in list(wanted):
        found = files.file(path)
        if found is not None and (found.mode, found.oid) == wanted[path]:
            del wanted[path]
