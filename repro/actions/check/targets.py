"""What a check looks at: the index or a commit, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from repro.code.checked_repository import CheckedRepository
from repro.code.files_in_git import FilesInGit
from repro.errors import UsageError
from repro.model.checks.mending import Mending
from repro.model.dataclass import dataclass
from repro.model.git.pushed_refs import NOTHING


class What(Enum):
    """Which of git's files are looked at."""

    INDEX = auto()
    STAGED = auto()
    RANGE = auto()
    REVISION = auto()
    EVERYTHING = auto()


@dataclass(frozen=True, slots=True)
class Target:
    """Files to look at.

    Attributes:
        files: all of them.
        base: the tree from which on something counts as changed; None is the empty tree, or not known.
        source: what git calls the commit of that tree; None if there is none.
        only_changes: whether results that have not changed since are left out.
        tips: the commits whose history is that of the files.
        staged: the files, if they are no commit's yet.
        branch: whose rules hold; None is "not known".
        shown: what is looked at, for a message; empty if it is the only thing.
    """

    files: FilesInGit
    base: bytes | None
    source: str | None
    only_changes: bool
    tips: tuple[bytes, ...]
    staged: FilesInGit | None
    branch: str | None
    mending: Mending
    shown: str = ""


def targets_of(repo: CheckedRepository, what: What, text: str, branch: str | None) -> Iterator[Target]:
    """Yield what is to be looked at.

    Args:
        repo: the repository.
        what: what was asked for.
        text: the range or the revision.
        branch: whose rules are to hold, if that was said.

    Raises:
        NoSuchRevision: a commit that is named is not here.
        UsageError: the range is none; there is no index.
    """
    if what is What.RANGE:
        yield from _range(repo, text, branch)
    elif what is What.REVISION:
        yield _commit(repo, repo.find_commit(text), branch or repo.branch_of(text))
    else:
        if repo.is_bare:
            raise UsageError("a bare repository has no index", "name a commit: --rev REV, or --range A..B")
        yield _index(repo, branch, only_changes=what is What.STAGED)
    if what is What.EVERYTHING:
        for name, oid in repo.local_branches().items():
            yield _commit(repo, oid, name, shown=f"on the branch {name}")


def _index(repo: CheckedRepository, branch: str | None, *, only_changes: bool) -> Target:
    head = repo.head_commit()
    files = repo.staged_files()
    return Target(
        files=files,
        base=repo.tree_of(head) if head else None,
        source="HEAD" if head else None,
        only_changes=only_changes,
        tips=(*([head] if head else []), *repo.commits_being_joined()),
        staged=files,
        branch=branch or repo.head_branch(),
        mending=Mending(),
    )


def _commit(repo: CheckedRepository, oid: bytes, branch: str | None, shown: str = "") -> Target:
    files = repo.committed_files(oid)
    mending = Mending(commits=True)
    return Target(files, files.tree, None, False, (oid,), None, branch, mending, shown)


def _range(repo: CheckedRepository, text: str, branch: str | None) -> Iterator[Target]:
    before, dots, after = text.partition("...") if "..." in text else text.partition("..")
    if not dots:
        raise UsageError(f"{text!r} is no range", "for example: --range origin/main..HEAD")
    before, after = before or "HEAD", after or "HEAD"
    if after == NOTHING:  # a branch is taken away
        return
    tip = repo.find_commit(after)
    base = None
    if before != NOTHING:
        old = repo.find_commit(before)
        base = repo.parting_commit(old, tip) or old
    yield Target(
        files=repo.committed_files(tip),
        base=repo.tree_of(base) if base else None,
        source=base.decode() if base else None,
        only_changes=True,
        tips=(tip,),
        staged=None,
        branch=branch or repo.branch_of(after),
        mending=Mending(commits=True),
    )
