"""Whether every piece of a run is present and intact. Nothing is executed, nothing is changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from repro.actions.run_source import RunSource, open_run
from repro.errors import IntegrityError
from repro.model.content import Content, Kind, ObjectRef
from repro.model.digest import Digest
from repro.model.finding import Finding
from repro.model.pieces import Piece, pieces_of
from repro.model.progress import SILENT, Progress
from repro.model.run_id import RunId
from repro.model.tree import MAX_DEPTH, BadTree, decode_tree, total_size
from repro.model.tree_objects import MAX_TREE_BYTES
from repro.project import Workspace
from repro.store.hashing import hash_descriptor
from repro.store.remote import Remote
from repro.store.remote_errors import NotOnRemote
from repro.store.remote_names import object_name


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how many objects were looked at, what is missing or corrupt."""

    run: RunId
    objects: int
    findings: tuple[Finding, ...]
    corrupt: bool


def verify(workspace: Workspace, text: str, source: str | None, progress: Progress = SILENT) -> Verified:
    """Read every object of a run and compare it with its digest.

    With `source`, what this remote has is read; else the store's, and of what the store lacks, the default remote's.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        RemoteError: the remote cannot be reached: whether a piece is there is then not known.
    """
    run = open_run(workspace, text, source)
    checker = _Checker(run, remote_only=source is not None, progress=progress)
    pieces = pieces_of(run.manifest)
    progress.begin("verify", sum(piece.root.size for piece in pieces), by_file=True)
    findings = [finding for piece in pieces for finding in checker.piece(piece)]
    if run.manifest.recipe.environment is not None:
        findings += [
            Finding("environment-unlocked", "is not pinned by content", name, run=run.manifest.run)
            for name in run.manifest.recipe.environment.unlocked
        ]
    corrupt = any(finding.kind == "corrupt" for finding in findings)
    return Verified(run.manifest.run, len(checker.seen), tuple(findings), corrupt)


class _Checker:
    """Looks at each object once, trees before what is in them."""

    def __init__(self, source: RunSource, *, remote_only: bool, progress: Progress) -> None:
        self.source = source
        self.remote_only = remote_only
        self.progress = progress
        self.seen: set[Digest] = set()

    def piece(self, piece: Piece) -> Iterator[Finding]:
        """Yield what is wrong with one piece."""
        yield from self._look(piece, piece.root, 0)

    def _look(self, piece: Piece, root: Content | ObjectRef, depth: int) -> Iterator[Finding]:
        digest = root.digest
        if digest is None or digest in self.seen:
            return
        self.seen.add(digest)
        is_tree = isinstance(root, Content) and root.kind is Kind.DIRECTORY
        try:
            data = self._read(digest, None if is_tree else root.size)
            if data is None:
                yield self._finding("missing", piece, f"{digest} is {self._nowhere()}", "`repro push` where it is")
                return
            if not is_tree:
                self.progress(root.size)
                return
            if depth > MAX_DEPTH:
                raise BadTree("nested too deeply")
            entries = decode_tree(data)
            if total_size(entries) != root.size:
                raise BadTree(f"{digest} says {root.size} bytes, and its entries add up to {total_size(entries)}")
        except IntegrityError as error:
            yield self._finding("corrupt", piece, error.message, error.hint)
            return
        for entry in entries:
            yield from self._look(piece, entry.content, depth + 1)

    def _read(self, digest: Digest, size: int | None) -> bytes | None:
        """Check an object; return a tree's bytes (`size` None), nothing of a file's, None if it is nowhere."""
        cache, remote = self.source.cache, self.source.remote
        if not self.remote_only and cache.has(digest):
            if size is not None:
                cache.verify(ObjectRef(digest, size))
                return b""
            ref = cache.ref_of(digest)
            return cache.read(ref)
        return None if remote is None else _read_remote(remote, digest, size)

    def _nowhere(self) -> str:
        remote = self.source.remote
        if self.remote_only and remote:
            return f"not on {remote.shown}"
        return f"neither here nor on {remote.shown}" if remote else "not here"

    def _finding(self, kind: str, piece: Piece, detail: str, hint: str | None) -> Finding:
        return Finding(kind, f"{piece.part}: {detail}", piece.path, run=self.source.manifest.run, hint=hint)


def _read_remote(remote: Remote, digest: Digest, size: int | None) -> bytes | None:
    with tempfile.TemporaryFile() as file:
        try:
            remote.get_to(object_name(digest), file.fileno(), MAX_TREE_BYTES if size is None else size)
        except NotOnRemote:
            return None
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        found = hash_descriptor(file.fileno())
        if found.digest != digest or size not in (None, found.size):
            raise CorruptOnRemote(f"{object_name(digest)} in {remote.shown} is not what its name says")
        if size is not None:
            return b""
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return file.read()


class CorruptOnRemote(IntegrityError):
    """A remote has other bytes under an object's name."""

    id = "corrupt-on-remote"
