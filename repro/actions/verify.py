"""Whether every piece of a run is present and intact. Nothing is executed, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repro.actions.archives import archive_pieces
from repro.actions.environments.build_needs import requirements_of_source
from repro.actions.run_source import RunSource, open_run
from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, decode_tree
from repro.model.data.tree_objects import MAX_TREE_BYTES, check_sum
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.environments.outside_world import Outside, outside_of
from repro.model.finding import Finding
from repro.model.packs.seen_objects import SeenObjects
from repro.model.progress import SILENT, Progress
from repro.model.run_id import RunId
from repro.model.runs.pieces import Part, Piece, pieces_of
from repro.project import Workspace
from repro.store.object_faults import SizeLie
from repro.store.remote.objects import JOBS, RemoteObjects
from repro.store.remote.reading import read_records
from repro.store.storages.errors import MissingOnRemote

_AT_ONCE = 50_000
"""Files that are noted before they are read on the remote."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how many objects were looked at, what is missing or corrupt.

    `outside` says on what of the outside world a rebuild depends, and what is not archived; None where it depends on
    nothing.
    """

    run: RunId
    objects: int
    findings: tuple[Finding, ...]
    corrupt: bool
    outside: Outside | None = None


def verify(workspace: Workspace, text: str, source: str | None, progress: Progress = SILENT) -> Verified:
    """Read every object of a run and compare it with its digest.

    With `source`, what this remote has is read; else the store's, and of what the store lacks, the default remote's.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        RemoteError: the remote cannot be reached: whether a piece is there is then not known.
    """
    run = open_run(workspace, text, source)
    checker = _Checker(run, remote_only=source is not None, progress=progress)
    pieces = [*pieces_of(run.manifest), *archive_pieces(run.records, run.manifest)]
    progress.begin("verify", sum(piece.root.size for piece in pieces))
    findings = [finding for piece in pieces for finding in checker.piece(piece)]
    findings += checker.far()
    if run.manifest.recipe.environment is not None:
        findings += [
            Finding("environment-unlocked", "is not pinned by content", name, run=run.manifest.run)
            for name in run.manifest.recipe.environment.unlocked
        ]
    corrupt = any(finding.kind == "corrupt" for finding in findings)
    outside = _outside(run, pieces, code_is_there=Part.CODE not in checker.faulty)
    return Verified(run.manifest.run, len(checker.seen), tuple(findings), corrupt, outside)


def _outside(run: RunSource, pieces: Sequence[Piece], *, code_is_there: bool) -> Outside | None:
    environment = run.manifest.recipe.environment
    if environment is None:
        return None
    archive = [piece.path for piece in pieces if piece.part is Part.ARCHIVE]
    return outside_of(environment, archive or None, requirements_of_source(run) if code_is_there else ())


class _Checker:
    """Looks at each object once, trees before what is in them."""

    def __init__(self, source: RunSource, *, remote_only: bool, progress: Progress) -> None:
        self.source = source
        self.remote_only = remote_only
        self.progress = progress
        self.seen = SeenObjects()
        if not remote_only:
            self.seen.know(source.cache.pack_indexes())
        self._far_is_known = False
        self.faulty: set[Part] = set()
        self._far: dict[Digest, tuple[Piece, int]] = {}

    def piece(self, piece: Piece) -> Iterator[Finding]:
        """Yield what is wrong with one piece."""
        yield from self._look(piece, piece.root, 0)

    def _look(self, piece: Piece, root: Content | ObjectRef, depth: int) -> Iterator[Finding]:
        digest = root.digest
        if digest is None or not self.seen.add(digest):
            return
        try:
            if not isinstance(root, Content) or root.kind is not Kind.DIRECTORY:
                yield from self._file(piece, ObjectRef(digest, root.size))
                return
            data = self._tree(digest)
            if data is None:
                yield self._missing(piece, digest)
                return
            if depth > MAX_DEPTH:
                raise BadTree("nested too deeply")
            entries = decode_tree(data)
            check_sum(root, entries, digest)
        except IntegrityError as error:
            yield self._corrupt(piece, error)
            return
        for entry in entries:
            yield from self._look(piece, entry.content, depth + 1)

    def far(self) -> Iterator[Finding]:
        """Read those files that are to be read on the remote, many at a time; yield what is wrong with them."""
        wanted, self._far = self._far, {}
        objects = self._objects() if wanted else None  # where all is here, no remote is asked
        if objects is None:
            return

        def compared(digest: Digest, data: bytes) -> None:
            if len(data) == wanted[digest][1]:
                self.progress.advance(len(data), 1)

        unread = read_records(objects, [(digest, None) for digest in wanted], compared, JOBS)
        for digest, (piece, size) in wanted.items():
            found = objects.size(digest)
            try:
                if digest in unread.missing:
                    yield self._missing(piece, digest)
                elif digest in unread.faults:
                    raise unread.faults[digest]
                elif found != size:
                    raise SizeLie(f"the object {digest} has {found} bytes where {size} were declared")
                elif digest in unread.large:
                    objects.verify(ObjectRef(digest, size), lambda count: None)
                    self.progress.advance(size, 1)
            except MissingOnRemote as error:
                yield self._missing(piece, error.digests[0])
            except IntegrityError as error:
                yield self._corrupt(piece, error)

    def _file(self, piece: Piece, ref: ObjectRef) -> Iterator[Finding]:
        """Compare a file that is here; note one that is to be read on the remote."""
        if not self.remote_only and self.source.cache.has(ref.digest):
            self.source.cache.verify(ref)
            self.progress.advance(ref.size, 1)
        elif self._objects() is None:
            yield self._missing(piece, ref.digest)
        else:
            self._far[ref.digest] = piece, ref.size
            if len(self._far) >= _AT_ONCE:
                yield from self.far()

    def _tree(self, digest: Digest) -> bytes | None:
        """Return a tree's bytes, None if it is nowhere."""
        cache = self.source.cache
        if not self.remote_only and cache.has(digest):
            return cache.read(cache.ref_of(digest))
        objects = self._objects()
        try:
            return None if objects is None else objects.read(digest, MAX_TREE_BYTES)
        except MissingOnRemote:
            return None

    def _objects(self) -> RemoteObjects | None:
        """Return what the remote has, None where there is none."""
        objects = self.source.objects
        if objects is not None and not self._far_is_known:
            self._far_is_known = True
            self.seen.know(objects.indexes())
        return objects

    def _nowhere(self) -> str:
        remote = self.source.remote
        if self.remote_only and remote:
            return f"not on {remote.shown}"
        return f"neither here nor on {remote.shown}" if remote else "not here"

    def _missing(self, piece: Piece, digest: Digest) -> Finding:
        return self._finding("missing", piece, f"{digest} is {self._nowhere()}", "`repro push` where it is")

    def _corrupt(self, piece: Piece, error: IntegrityError) -> Finding:
        return self._finding("corrupt", piece, error.message, error.hint)

    def _finding(self, kind: str, piece: Piece, detail: str, hint: str | None) -> Finding:
        self.faulty.add(piece.part)
        return Finding(kind, f"{piece.part}: {detail}", piece.path, run=self.source.manifest.run, hint=hint)
