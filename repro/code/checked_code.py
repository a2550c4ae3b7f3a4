"""Whether a pack is exactly the code of one commit, and whether that code may be written out."""

from __future__ import annotations

from repro.code import git_objects as git
from repro.code.pack_format import BLOB, COMMIT, KIND_NAMES, TREE
from repro.code.untrusted_pack import BadCodePack, UntrustedPack
from repro.model.data.tree import MAX_DEPTH, MAX_TARGET
from repro.model.dataclass import dataclass
from repro.model.names import MAX_PATH, UnsafePath, check_name, name_to_text

MAX_PATHS = 10_000_000
"""A few trees that name each other many times would otherwise unfold to more files than any disk takes."""

_MODES = (git.MODE_FILE, 0o100664, git.MODE_EXECUTABLE, git.MODE_SYMLINK, git.MODE_TREE, git.MODE_GITLINK)


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far a tree reaches: number of paths below it, levels, bytes of the longest path."""

    paths: int
    height: int
    length: int


_NOTHING = _Extent(0, 0, 0)


def check_code(pack: UntrustedPack, commit: bytes) -> git.CommitHeader:
    """Return the commit's header if the pack is exactly that commit, its trees and its blobs.

    Args:
        pack: its object ids are already known to be right.
        commit: the hex id that was asked for.

    Raises:
        BadCodePack: something is missing, of the wrong kind, superfluous, or would not be safe to write.
    """
    _require(pack, commit, COMMIT, "the commit")
    header = git.parse_commit(pack.read(commit))
    check = _Check(pack)
    extent = check.tree(header.tree, b"", 0)
    _check_extent(extent)
    superfluous = sorted(pack.objects.keys() - check.seen - {commit})
    if superfluous:
        raise BadCodePack(
            f"the code pack holds {superfluous[0].decode()}, which commit {commit.decode()} does not need"
        )
    return header


def _require(pack: UntrustedPack, oid: bytes, kind: int, shown: str) -> None:
    found = pack.objects.get(oid)
    if found is None:
        raise BadCodePack(f"the code pack lacks the git object {oid.decode()}, {shown}")
    if found.kind != kind:
        raise BadCodePack(
            f"the git object {oid.decode()}, {shown}, is a {KIND_NAMES[found.kind].decode()}"
            f" and should be a {KIND_NAMES[kind].decode()}"
        )


def _check_extent(extent: _Extent) -> None:
    if extent.paths > MAX_PATHS:
        raise BadCodePack(f"the code pack unfolds to {extent.paths} paths; {MAX_PATHS} are allowed")
    if extent.length > MAX_PATH:
        raise BadCodePack(f"the code pack holds a path of {extent.length} bytes; {MAX_PATH} are allowed")


class _Check:
    """Looks at each tree once, however often it is named."""

    def __init__(self, pack: UntrustedPack) -> None:
        self._pack = pack
        self._extents: dict[bytes, _Extent] = {}
        self.seen: set[bytes] = set()

    def tree(self, oid: bytes, path: bytes, depth: int) -> _Extent:
        known = self._extents.get(oid)
        if depth + (known.height if known else 1) > MAX_DEPTH:
            raise BadCodePack(f"the code pack has more than {MAX_DEPTH} directories in each other")
        if known:
            return known
        _require(self._pack, oid, TREE, f"the directory {name_to_text(path) or '.'!r}")
        self.seen.add(oid)
        entries = git.parse_tree(self._pack.read(oid))
        _check_order(entries, path)
        paths, height, length = 0, 1, 0
        for entry in entries:
            below = _NOTHING
            self._entry(entry, path + entry.name)
            if entry.mode == git.MODE_TREE:
                below = self.tree(entry.oid, path + entry.name + b"/", depth + 1)
            paths += 1 + below.paths
            height = max(height, 1 + below.height)
            length = max(length, len(entry.name) + (1 + below.length if below.length else 0))
        self._extents[oid] = _Extent(paths, height, length)
        return self._extents[oid]

    def _entry(self, entry: git.TreeEntry, path: bytes) -> None:
        shown = repr(name_to_text(path))
        try:
            check_name(entry.name)
        except UnsafePath as error:
            raise BadCodePack(f"the code pack holds the path {shown}: {error.message}") from error
        if entry.mode not in _MODES:
            raise BadCodePack(f"the code pack gives {shown} the mode {entry.mode:o}, which git does not know")
        if entry.mode in (git.MODE_TREE, git.MODE_GITLINK):
            return
        _require(self._pack, entry.oid, BLOB, f"the file {shown}")
        self.seen.add(entry.oid)
        if entry.mode == git.MODE_SYMLINK:
            self._check_target(entry.oid, shown)

    def _check_target(self, oid: bytes, shown: str) -> None:
        size = self._pack.objects[oid].size
        if not 0 < size <= MAX_TARGET or b"\0" in self._pack.read(oid):
            raise BadCodePack(f"the symlink {shown} has a target that no file system takes")


def _check_order(entries: list[git.TreeEntry], path: bytes) -> None:
    names: set[bytes] = set()
    last = b""
    for entry in entries:
        if entry.name in names:
            raise BadCodePack(f"the code pack holds {name_to_text(path + entry.name)!r} twice")
        key = git.sort_key(entry)
        if key <= last:
            raise BadCodePack(f"the code pack holds {name_to_text(path + entry.name)!r} out of git's order")
        names.add(entry.name)
        last = key
