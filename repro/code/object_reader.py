"""Reading a commit, its trees and its files from a repository."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.pack_format import BLOB, COMMIT, KIND_NAMES, TAG, TREE
from repro.code.repository import MissingCommit, open_repository
from repro.model.names import name_to_text
from repro.model.pattern import pattern

if TYPE_CHECKING:
    from dulwich.repo import Repo

_TIME = pattern(rb"\ncommitter [^\n]*> (-?\d+) [+-]\d+\n")


def read_object(repo: Repo, oid: bytes, kind: int) -> bytes:
    """Return an object's bytes, which are what its id says.

    Raises:
        MissingCommit: the repository does not have it.
        BadGitObject: it is damaged, or of another kind.
    """
    from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException
    from dulwich.objects import ObjectID

    try:
        number, data = repo.object_store.get_raw(ObjectID(oid))
    except KeyError as error:
        raise MissingCommit(
            f"the git object {name_to_text(oid)} is not in the repository",
            "fetch it (git fetch), or rebuild from a remote that has the run's code",
        ) from error
    except (ApplyDeltaError, ChecksumMismatch, FileFormatException, zlib.error, ValueError, AssertionError) as error:
        raise _damaged(oid) from error
    if number != kind:
        raise git.BadGitObject(f"the git object {oid.decode()} is not a {KIND_NAMES[kind].decode()}")
    if git.object_id(KIND_NAMES[kind], data) != oid:
        raise _damaged(oid)
    return data


def _damaged(oid: bytes) -> git.BadGitObject:
    return git.BadGitObject(
        f"the git object {name_to_text(oid)} in the repository is damaged", "see what is intact: git fsck"
    )


def read_commit(repo: Repo, oid: bytes) -> tuple[git.CommitHeader, int]:
    """Return a commit's header and its commit time in seconds since 1970 (never negative)."""
    data = read_object(repo, oid, COMMIT)
    match = _TIME.search(data)
    return git.parse_commit(data), max(0, int(match[1])) if match else 0


def peeled_commit(repo: Repo, oid: bytes) -> tuple[bytes, bytes] | None:
    """Return the id and the bytes of a commit, or of the one that an annotated tag names.

    None: a tag of something else, or an object that is not here.
    """
    from dulwich.objects import ObjectID

    for _ in range(16):  # a tag may name a tag
        try:
            number, data = repo.object_store.get_raw(ObjectID(oid))
        except KeyError:
            return None
        if number == COMMIT:
            return oid, data
        if number != TAG or not data.startswith(b"object "):
            return None
        oid = data[7:47]
    return None


def read_tree(repo: Repo, oid: bytes) -> list[git.TreeEntry]:
    """Return a tree's entries; the empty tree is always there, as in git."""
    return [] if oid == git.EMPTY_TREE else git.parse_tree(read_object(repo, oid, TREE))


def read_packed_tree(repo: Repo, oid: bytes) -> dict[bytes, bytes]:
    """As `read_tree`, in the form of `parse_packed_tree`."""
    return {} if oid == git.EMPTY_TREE else git.parse_packed_tree(read_object(repo, oid, TREE))


def tree_of(repo: Repo, commit: str) -> bytes:
    """Return the hex id of a commit's tree."""
    return read_commit(repo, commit.encode())[0].tree


def iterate_files(repo: Repo, tree: bytes, prefix: bytes = b"") -> Iterator[tuple[bytes, git.TreeEntry]]:
    """Yield every path below a tree with its entry: files, symlinks and submodules, no directories."""
    for entry in read_tree(repo, tree):
        path = prefix + entry.name
        if entry.mode == git.MODE_TREE:
            yield from iterate_files(repo, entry.oid, path + b"/")
        else:
            yield path, entry


def find_entry(repo: Repo, commit: str, path: bytes) -> git.TreeEntry | None:
    """Return what stands at `path` in a commit, or None."""
    tree: bytes = tree_of(repo, commit)
    entry = None
    for name in path.split(b"/"):
        if entry is not None and entry.mode != git.MODE_TREE:
            return None
        entry = next((found for found in read_tree(repo, entry.oid if entry else tree) if found.name == name), None)
        if entry is None:
            return None
    return entry


def blob_at(root: str, commit: str, path: bytes) -> bytes | None:
    """Return the bytes of the file (or the target of the symlink) at `path` in a commit.

    None where nothing stands there, or a directory or a submodule.

    Raises:
        MissingCommit: the commit or the blob is not in the repository.
    """
    with open_repository(root) as repo:
        entry = find_entry(repo, commit, path)
        if entry is None or entry.mode in (git.MODE_TREE, git.MODE_GITLINK):
            return None
        return read_object(repo, entry.oid, BLOB)


def mode_at(root: str, commit: str, path: bytes) -> int | None:
    """Return the git mode (0o100644, 0o100755, 0o120000, 0o160000, 0o040000) at `path` in a commit, or None."""
    with open_repository(root) as repo:
        entry = find_entry(repo, commit, path)
        return entry.mode if entry else None
