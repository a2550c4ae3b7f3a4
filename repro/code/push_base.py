"""From where on a pushed history is new to the other side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.object_reader import find_entry, peeled_commit, read_object
from repro.code.pack_format import BLOB
from repro.code.repository_to_check import repository_to_check
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

if TYPE_CHECKING:
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo

_ID = pattern(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class PushedCommits:
    """The commit that is pushed, and the one that it is to be compared with: None where all of it is new."""

    tip: str
    base: str | None


def pushed_commits(
    root: str, environ: Mapping[str, str], old: str | None, new: str, remote: str | None
) -> PushedCommits | None:
    """Return what of a push is new to the other side; None of a ref that names no commit.

    The base is the commit that the ref had there, if it is here. Else (a new ref, or one that somebody has moved
    since the last fetch) it is the best common ancestor with what the remote is known to have: its branches as they
    were last seen, or those of the bare repository itself.

    Args:
        root: the top of the work tree from which is pushed, or the bare repository that receives.
        environ: as git calls a hook: it says where what is received lies.
        old: the id that the ref had on the other side; None where it is new there.
        new: the id that it gets, or the name of a ref that has it.
        remote: the remote's name, as far as it has one.
    """
    from dulwich.graph import find_merge_base

    with repository_to_check(root, environ) as repo:
        tip = _commit(repo, new)
        if tip is None:
            return None
        before = _commit(repo, old) if old else None
        if before is None:
            known = _known_commits(repo, remote)
            bases = find_merge_base(repo, [tip, *known]) if known else []
            before = bases[0] if bases else None
        return PushedCommits(tip.decode(), before.decode() if before else None)


def committed_file(root: str, environ: Mapping[str, str], commit: str, path: bytes) -> bytes | None:
    """Return the bytes of the regular file at `path` in a commit that is pushed; None where none stands there."""
    with repository_to_check(root, environ) as repo:
        entry = find_entry(repo, commit, path)
        is_file = entry is not None and entry.mode in (git.MODE_FILE, git.MODE_EXECUTABLE)
        return read_object(repo, entry.oid, BLOB) if entry is not None and is_file else None


def _known_commits(repo: Repo, remote: str | None) -> list[ObjectID]:
    """Return what the remote's branches were when they were last seen; those of all remotes where it has no name."""
    if repo.bare:
        own = b"refs/heads/"
    elif remote is not None and (b"remote", remote.encode()) in repo.get_config().sections():
        own = f"refs/remotes/{remote}/".encode()
    else:
        own = b"refs/remotes/"
    refs = {bytes(name): value for name, value in repo.get_refs().items() if name.startswith(own)}
    found = {_commit(repo, value.decode()) for value in refs.values()}
    return sorted(commit for commit in found if commit is not None)


def _commit(repo: Repo, name: str) -> ObjectID | None:
    """Return the commit that an id or a ref names, through tags; None where it is not here, or no commit."""
    from dulwich.objects import ObjectID
    from dulwich.refs import Ref

    try:
        wanted = ObjectID(name.encode()) if _ID.fullmatch(name) else repo.refs[Ref(name.encode())]
    except KeyError:
        return None
    found = peeled_commit(repo, wanted)
    return ObjectID(found[0]) if found else None
