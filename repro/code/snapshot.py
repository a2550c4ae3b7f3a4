"""The work tree as it is, dirty or clean, as a git commit. Index, HEAD, files and reflog stay untouched."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

from repro.code import git_objects as git
from repro.code.content_filters import ATTRIBUTES, may_convert
from repro.code.git_index import CachedFile, Tracked, read_tracked, stamp_of
from repro.code.ignore_rules import repository_rules
from repro.code.object_reader import read_commit, read_tree
from repro.code.object_writer import ObjectWriter
from repro.code.pack_format import BLOB, COMMIT, MAX_BLOB, TREE
from repro.code.repository import is_repository, open_repository
from repro.code.work_tree import RECORDS, Found, State, Unreadable, is_plain, walk_work_tree
from repro.errors import CannotProceed
from repro.model.data.tree import MAX_DEPTH
from repro.model.dataclass import dataclass, field
from repro.model.finding import Finding
from repro.model.names import UnsafePath, check_name, name_to_text
from repro.model.pattern import pattern
from repro.model.secret_names import looks_secret

if TYPE_CHECKING:
    from dulwich.repo import Repo

_MESSAGE = b"The work tree as it was\n"

LARGE = 50 * 1024 * 1024
"""An untracked file above this many bytes is data: git would keep it for ever, whole, in memory and on disk. It is
the size from which git hosts warn."""


# What `check_name` may refuse of the names that a file system takes; it costs too much to ask it of every name.
_SUSPECT = pattern(rb"(?i)\.git|git~|\xe2[\x80\x81]|\xef\xbb\xbf")


class TooLarge(CannotProceed):
    """A file is too large to be code."""

    id = "code-file-too-large"


class UnsafeName(CannotProceed):
    """The work tree holds a name that git refuses to check out."""

    id = "unsafe-name"


@dataclass(frozen=True, slots=True)
class SubmoduleSnapshot:
    """A repository inside the work tree: its path in the outermost one, its snapshot, its own work tree."""

    path: bytes
    commit: str
    root: str


@dataclass(frozen=True, slots=True)
class CodeSnapshot:
    """The work tree as a commit. Ids are 40 hex digits.

    `commit` is `head` where the work tree equals HEAD's tree. `head` is None before the first commit,
    `branch` is None where HEAD is detached. `submodules` holds nested ones too, outer before inner.
    `large` are untracked files of more than `LARGE` bytes, left out: they are data, whatever git thinks.
    """

    commit: str
    tree: str
    head: str | None
    branch: str | None
    dirty: bool
    submodules: tuple[SubmoduleSnapshot, ...] = ()
    findings: tuple[Finding, ...] = ()
    large: tuple[bytes, ...] = ()


def snapshot_work_tree(root: str) -> CodeSnapshot:
    """Record the work tree as a commit on HEAD and return its id; only objects are written, no ref.

    Tracked files are in it even if ignored, untracked ones unless git ignores them, with the bytes that are
    on disk (no clean filter, no line-end conversion). `.repro/` is taken from HEAD. The same work tree on
    the same HEAD gives the same commit everywhere.

    Args:
        root: the top of the work tree.

    Raises:
        NotARepository, BareRepository, UnsupportedRepository: see `open_repository`.
        Unreadable: a file that must be read cannot be.
        UnsafeName: a name that no git would check out again.
        TooLarge: a file of more than 4 GiB.
    """
    return _snapshot(root, b"")


def _snapshot(root: str, prefix: bytes) -> CodeSnapshot:
    with open_repository(root) as repo:
        head, branch = _head(repo)
        with ObjectWriter(repo) as writer:
            work = _WorkTree(repo, os.fsencode(root), prefix, writer)
            work.read()
            head_tree, time = b"", 0
            if head is not None:
                header, time = read_commit(repo, head)
                head_tree = header.tree
                work.entries.update(_records(repo, head_tree))
            tree = _write_trees(work.entries, writer)
            commit = head
            if head is None or tree != head_tree:
                commit = writer.add(COMMIT, git.encode_commit(tree, head, time, _MESSAGE))
    assert commit is not None
    return CodeSnapshot(
        commit=commit.decode(),
        tree=tree.decode(),
        head=head.decode() if head else None,
        branch=branch,
        dirty=commit != head,
        submodules=tuple(sorted(work.submodules, key=lambda found: found.path)),
        findings=tuple(sorted(work.findings, key=lambda found: (found.path or "", found.kind))),
        large=tuple(sorted(work.large)),
    )


def _head(repo: Repo) -> tuple[bytes | None, str | None]:
    from dulwich.refs import HEADREF

    names, head = repo.refs.follow(HEADREF)
    branch = names[-1].removeprefix(b"refs/heads/")
    return head, name_to_text(branch) if names[-1] != branch else None


def _records(repo: Repo, tree: bytes) -> dict[bytes, tuple[int, bytes]]:
    return {entry.name: (entry.mode, entry.oid) for entry in read_tree(repo, tree) if entry.name == RECORDS}


@dataclass(slots=True)
class _WorkTree:
    """Collects the leaves of the tree to write: path -> (mode, hex id)."""

    repo: Repo
    root: bytes
    prefix: bytes  # of this repository in the outermost one, with a trailing slash, or empty
    writer: ObjectWriter
    entries: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    submodules: list[SubmoduleSnapshot] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    large: list[bytes] = field(default_factory=list)

    def read(self) -> None:
        tracked = read_tracked(self.repo)
        found = list(walk_work_tree(self.root, tracked, repository_rules(self.repo)))
        attributes = [item.path for item in found if os.path.basename(item.path) == ATTRIBUTES]
        trusted = not may_convert(self.repo, self.root, tracked, attributes)
        for item in found:
            mode = item.stat.st_mode
            if _SUSPECT.search(item.path):
                _check_names(self.prefix + item.path)
            if stat.S_ISDIR(mode):
                self._add_repository(item, tracked)
            elif is_plain(mode):
                self._add_file(item, tracked.files.get(item.path) if trusted else None)
            else:
                self._note("special-file", item.path, "a fifo, socket or device; git does not keep it")
        self._note_sparse(tracked)

    def _add_file(self, item: Found, cached: CachedFile | None) -> None:
        if item.state is State.UNTRACKED and item.stat.st_size > LARGE:
            self.large.append(self.prefix + item.path)
            return
        if item.state is State.UNTRACKED and looks_secret(item.path):
            self._note("secret-left-out", item.path, "is untracked and called like a secret: it is not recorded")
            return
        mode = _git_mode(item.stat.st_mode)
        if cached is not None and cached.stamp == stamp_of(item.stat) and stat.S_IFMT(cached.mode) == stat.S_IFMT(mode):
            self.entries[item.path] = (mode, cached.oid)
            return
        data = self._read(item)
        if data is not None:
            self.entries[item.path] = (mode, self.writer.add(BLOB, data))

    def _read(self, item: Found) -> bytes | None:
        """Return the file's bytes or the link's target; None where it has vanished."""
        path = os.path.join(self.root, item.path)
        if item.stat.st_size > MAX_BLOB:
            shown = name_to_text(self.prefix + item.path)
            raise TooLarge(
                f"{shown!r} has {item.stat.st_size} bytes, too many for code ({MAX_BLOB} are allowed)",
                f"track it as data: repro add {shown}",
            )
        try:
            if stat.S_ISLNK(item.stat.st_mode):
                return os.readlink(path)
            # O_NOFOLLOW, O_NONBLOCK: what was a file a moment ago may be a symlink or a fifo by now.
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(self.prefix + item.path, error) from error

    def _add_repository(self, item: Found, tracked: Tracked) -> None:
        path = os.path.join(self.root, item.path)
        if not is_repository(path):
            self.entries[item.path] = (git.MODE_GITLINK, tracked.files[item.path].oid)
            if os.listdir(path):
                self._note("submodule-not-initialised", item.path, "its files are not recorded: it has no .git")
            return
        outer = self.prefix + item.path
        inner = _snapshot(os.fsdecode(path), outer + b"/")
        self.entries[item.path] = (git.MODE_GITLINK, inner.commit.encode())
        self.submodules += [SubmoduleSnapshot(outer, inner.commit, os.fsdecode(path)), *inner.submodules]
        self.findings += inner.findings
        self.large += inner.large

    def _note_sparse(self, tracked: Tracked) -> None:
        absent = [path for path, entry in tracked.files.items() if entry.sparse and path not in self.entries]
        if absent:
            detail = f"{len(absent)} files are tracked but not checked out; the recorded code is without them"
            self._note("sparse-checkout", min(absent), detail)

    def _note(self, kind: str, path: bytes, detail: str) -> None:
        self.findings.append(Finding(kind, detail, path=name_to_text(self.prefix + path)))


def _git_mode(mode: int) -> int:
    if stat.S_ISLNK(mode):
        return git.MODE_SYMLINK
    return git.MODE_EXECUTABLE if mode & stat.S_IXUSR else git.MODE_FILE


def _check_names(path: bytes) -> None:
    for name in path.split(b"/"):
        try:
            check_name(name)
        except UnsafePath as error:
            raise UnsafeName(
                f"{name_to_text(path)!r} cannot be recorded: {error.message}", "rename it, or let git ignore it"
            ) from error


def _write_trees(leaves: dict[bytes, tuple[int, bytes]], writer: ObjectWriter) -> bytes:
    """Write the trees above `leaves`, the deepest first, and return the root's id."""
    children: dict[bytes, list[git.TreeEntry]] = {b"": []}
    for path, (mode, oid) in leaves.items():
        folder, _, name = path.rpartition(b"/")
        children.setdefault(folder, []).append(git.TreeEntry(mode, name, oid))
    for folder in _missing_parents(children):
        children[folder] = []
    depths = {folder: folder.count(b"/") + 1 if folder else 0 for folder in children}
    deepest = max(children, key=depths.__getitem__)
    if depths[deepest] >= MAX_DEPTH:
        raise UnsafeName(
            f"{name_to_text(deepest[:60])!r}… holds more than {MAX_DEPTH} directories in each other",
            "flatten it, or let git ignore it",
        )
    for folder in sorted(children, key=depths.__getitem__, reverse=True):
        tree = writer.add(TREE, git.encode_tree(children[folder]))
        if folder:
            above, _, name = folder.rpartition(b"/")
            children[above].append(git.TreeEntry(git.MODE_TREE, name, tree))
    return tree


def _missing_parents(folders: Iterable[bytes]) -> set[bytes]:
    known = set(folders)
    missing: set[bytes] = set()
    for folder in known:
        while folder := folder.rpartition(b"/")[0]:
            if folder not in known:
                missing.add(folder)
    return missing
