"""What a check asks of a git repository: its index, its commits, its branches."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.code.code_in_history import History
from repro.code.files_in_git import CommittedFiles, FilesInGit, StagedFiles
from repro.code.lfs_objects import LfsPointer, is_what_lfs_names, lfs_places
from repro.code.object_reader import peeled_commit, read_commit, read_object, tree_of
from repro.code.pack_format import BLOB
from repro.code.repository import MissingCommit
from repro.code.repository_to_check import repository_to_check
from repro.errors import UsageError
from repro.model.names import name_to_text
from repro.model.pattern import pattern

if TYPE_CHECKING:
    from dulwich.repo import Repo

_FULL = pattern(rb"[0-9a-f]{40}")
_SHORT = pattern(rb"[0-9a-f]{4,39}")
_REVISION = pattern(rb"(.+?)((?:[~^][0-9]*)*)", re.DOTALL)
_STEP = pattern(rb"([~^])([0-9]{0,6})")
_PLACES = (b"%s", b"refs/%s", b"refs/tags/%s", b"refs/heads/%s", b"refs/remotes/%s", b"refs/remotes/%s/HEAD")
"""Where git looks for a ref. Source: git's Documentation/revisions.txt."""
_HEADS = b"refs/heads/"
_SHALLOW = "a clone that is shallow lacks some: git fetch --unshallow"


class NoSuchRevision(UsageError):
    """A name of a commit means none."""

    id = "no-such-revision"


class CheckedRepository:
    """What a check asks of a repository. Commits, trees and files are named by hex ids."""

    def __init__(self, repo: Repo, root: str, environ: Mapping[str, str]) -> None:
        """Take an open repository; `root` and `environ` are those of `repository_to_check`."""
        self._repo = repo
        self._root = root
        self._environ = environ

    @property
    def is_bare(self) -> bool:
        """Whether it has no work tree, and so no index."""
        return bool(self._repo.bare)

    def read(self, oid: bytes) -> bytes:
        """Return a file's bytes, or a symlink's target.

        Raises:
            MissingCommit: the repository does not have it.
            BadGitObject: it is damaged.
        """
        return read_object(self._repo, oid, BLOB)

    def file_of_lfs(self, pointer: LfsPointer, path: bytes) -> str | None:
        """Return a file with what a pointer of Git LFS names: LFS's own, or the one at `path` in the work tree."""
        places = list(lfs_places(self._repo, pointer))
        if not self.is_bare:
            places.append(os.path.join(self._root, os.fsdecode(path)))
        return next((place for place in places if is_what_lfs_names(place, pointer)), None)

    def tree_of(self, commit: bytes) -> bytes:
        """Return a commit's tree."""
        return tree_of(self._repo, commit.decode())

    def committed_files(self, commit: bytes) -> CommittedFiles:
        """Return the files of a commit."""
        return CommittedFiles(self._repo, self.tree_of(commit))

    def files_of_tree(self, tree: bytes) -> CommittedFiles:
        """Return the files of a tree."""
        return CommittedFiles(self._repo, tree)

    def staged_files(self) -> StagedFiles:
        """Return the files of the index: for `git commit -a` or `git commit FILE`, hooks are shown another one.

        Raises:
            UnsupportedRepository: it cannot be read.
        """
        given = self._environ.get("GIT_INDEX_FILE")
        path = os.path.join(self._root, given) if given else self._repo.index_path()
        return StagedFiles(self._repo, path)

    def history(self, tips: Iterable[bytes], staged: FilesInGit | None) -> History:
        """Return the commits that can be reached from `tips`, and the files of a commit that is yet to be made."""
        return History(self._repo, tips, staged)

    def head_commit(self) -> bytes | None:
        """Return the commit of HEAD; None before the first one."""
        from dulwich.refs import HEADREF

        return self._repo.refs.follow(HEADREF)[1]

    def head_branch(self) -> str | None:
        """Return the branch of HEAD; None where HEAD is detached."""
        from dulwich.refs import HEADREF

        name = self._repo.refs.follow(HEADREF)[0][-1]
        return os.fsdecode(name[len(_HEADS) :]) if name.startswith(_HEADS) else None

    def commits_being_joined(self) -> list[bytes]:
        """Return what a merge that is under way takes in."""
        try:
            with open(os.path.join(self._repo.controldir(), "MERGE_HEAD"), "rb") as file:
                return [line for line in file.read().split() if len(line) == 40]
        except FileNotFoundError:
            return []

    def local_branches(self) -> dict[str, bytes]:
        """Return the commits of all local branches, by name."""
        from dulwich.refs import Ref

        found = self._repo.refs.as_dict(Ref(_HEADS[:-1]))
        return {os.fsdecode(name): bytes(oid) for name, oid in sorted(found.items())}

    def branch_of(self, text: str) -> str | None:
        """Return the local branch that a revision names, if it names one."""
        if text == "HEAD":
            return self.head_branch()
        name = text.removeprefix("refs/heads/")
        return name if name in self.local_branches() else None

    def find_commit(self, text: str) -> bytes:
        """Return the commit that a revision means: HEAD, a ref, an id or some digits of one, with `~N` and `^N`.

        Raises:
            NoSuchRevision: it means none, or several.
        """
        match = _REVISION.fullmatch(os.fsencode(text))
        found = self._named(match[1]) if match else None
        for step in _STEP.finditer(match[2]) if match else ():
            number = int(step[2]) if step[2] else 1
            if step[1] == b"~":
                for _ in range(number):
                    found = self._parent(found, 1)
            elif number:
                found = self._parent(found, number)
        if found is None:
            shown = name_to_text(os.fsencode(text))
            raise NoSuchRevision(f"{shown!r} names no commit of this repository", _SHALLOW)
        return found

    def _named(self, name: bytes) -> bytes | None:
        """Return the commit of a ref or an id; a ref wins, in the order in which git looks for it."""
        from dulwich.refs import Ref

        if _FULL.fullmatch(name):
            return self._peeled(name)
        for place in _PLACES:
            with contextlib.suppress(KeyError, ValueError):  # a name that no ref may have
                return self._peeled(bytes(self._repo.refs[Ref(place % name)]))
        if not _SHORT.fullmatch(name):
            return None
        commits = {self._peeled(bytes(oid)) for oid in self._repo.object_store.iter_prefix(name)} - {None}
        return commits.pop() if len(commits) == 1 else None

    def _parent(self, commit: bytes | None, number: int) -> bytes | None:
        if commit is None:
            return None
        try:
            parents = read_commit(self._repo, commit)[0].parents
        except MissingCommit:
            return None
        return parents[number - 1] if number <= len(parents) else None

    def parting_commit(self, one: bytes, two: bytes) -> bytes | None:
        """Return the newest commit that both histories have, or None: unrelated, or cut off by a shallow clone."""
        from dulwich.graph import find_merge_base
        from dulwich.objects import ObjectID

        if one == two:
            return one
        try:
            found = find_merge_base(self._repo, [ObjectID(one), ObjectID(two)])
        except KeyError:
            return None
        return bytes(found[0]) if found else None

    def _peeled(self, oid: bytes) -> bytes | None:
        """Return a commit, that of an annotated tag, or None."""
        found = peeled_commit(self._repo, oid)
        return found[0] if found else None


@contextmanager
def open_checked_repository(root: str, environ: Mapping[str, str]) -> Iterator[CheckedRepository]:
    """Open the repository at `root`; arguments and errors are those of `repository_to_check`."""
    with repository_to_check(root, environ) as repo:
        yield CheckedRepository(repo, root, environ)
