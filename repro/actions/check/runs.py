"""The runs whose manifests git has, or the work tree: which of them made some bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from repro.actions.check.contents import Contents, ContentUnknown
from repro.actions.check.trees import Trees, TreeUnknown
from repro.code import git_objects as git
from repro.code.files_in_git import FilesInGit
from repro.errors import IntegrityError
from repro.model.checks.mending import Mending
from repro.model.checks.result_check import Earlier
from repro.model.data.content import Content, Kind
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, hex_of
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.record import BadRecord, NewerFormat
from repro.model.run_id import is_run_id
from repro.model.runs.manifest import Manifest, parse_manifest
from repro.model.runs.run_outputs import Place, RunOutputs
from repro.model.yaml.strict import MAX_BYTES

RUNS = b".repro/runs/"
_MANY_FILES = 20_000
"""A folder of more files is not put together from git's files to compare it with a run's output."""


def manifests_in(files: FilesInGit) -> dict[bytes, bytes]:
    """Return the paths of the manifests that git has, by the hex ids of their blobs."""
    found = files.below(RUNS[:-1])
    return {file.oid: file.path for file in found if is_manifest(file.path) and file.mode != git.MODE_SYMLINK}


def is_manifest(path: bytes) -> bool:
    """Whether a path is where manifests are."""
    return path.startswith(RUNS) and path.endswith(b".yaml") and path.count(b"/") == 2


@dataclass(frozen=True, slots=True)
class MadeBy:
    """A run that made some bytes: its manifest, and the file and the git id that it has."""

    manifest: Manifest
    file: bytes
    oid: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where bytes come from, as far as it is known.

    `bad` are manifests that may say so and cannot be read; `unknown` says why there may be others.
    """

    runs: tuple[MadeBy, ...]
    bad: tuple[Finding, ...] = ()
    unknown: TreeUnknown | None = None


class Runs:
    """Manifests, of which only those are parsed that may matter."""

    def __init__(
        self,
        files: Mapping[bytes, bytes],
        read: Callable[[bytes], bytes],
        outputs: RunOutputs,
        trees: Trees,
        mending: Mending,
    ) -> None:
        """Take the manifests.

        Args:
            files: their paths, by git ids.
            read: returns the bytes of one of these ids.
            outputs: what is known of their outputs; what is missing is added.
            trees: what directories hold.
            mending: for whom commands are.
        """
        self._files = files
        self.read = read
        self._outputs = outputs
        self._trees = trees
        self._mending = mending
        self._parsed: dict[bytes, Manifest | Finding] = {}
        missing = files.keys() - outputs.known()
        self.has_learnt = bool(missing)
        outputs.add((oid, read(oid)) for oid in sorted(missing))

    def that_made(self, path: bytes, content: Content, folders: Folders) -> Origin:
        """Return the runs that made some bytes, wherever they put them; links only where they stand.

        Args:
            path: where they stand now.
            content: what stands there.
            folders: the directories above, as git has them.
        """
        runs: dict[bytes, MadeBy] = {}
        bad: list[Finding] = []
        unknown = None
        for oid in self._directly(path, content):
            self._take(oid, runs, bad)
        if not runs:
            unknown = self._in_directories(path, content, folders, runs, bad)
        return Origin(tuple(runs.values()), tuple(bad), None if runs else unknown)

    def that_made_another(self, path: bytes) -> Earlier | None:
        """Return the newest run that made something else at a path."""
        found: list[tuple[bytes, bytes, bytes]] = []
        for made in _upwards(path):
            places = [place for place in self._at(made) if made == path or self._had(place, path[len(made) + 1 :])]
            found += [(self._files[place.owner], place.owner, made) for place in places]
        for _, oid, made in sorted(found, reverse=True):
            manifest = self.manifest(oid)
            if isinstance(manifest, Manifest):
                return Earlier(manifest, made)
        return None

    def manifest(self, oid: bytes) -> Manifest | Finding:
        """Return a manifest, or what is wrong with it."""
        if oid not in self._parsed:
            self._parsed[oid] = read_manifest(self.read(oid), self._files[oid], self._mending)
        return self._parsed[oid]

    def _directly(self, path: bytes, content: Content) -> Iterator[bytes]:
        """Yield the manifests that name this very content as an output."""
        if content.digest is None:
            yield from (place.owner for place in self._at(path) if place.output.kind == "l")
            return
        for place in self._outputs.with_digest(hex_of(content.digest)):
            if place.owner in self._files:
                yield place.owner

    def _in_directories(
        self, path: bytes, content: Content, folders: Folders, runs: dict[bytes, MadeBy], bad: list[Finding]
    ) -> TreeUnknown | None:
        """Look for the content in directories that runs made: here, then as git has them, then on a remote."""
        open_questions = []
        for made in _upwards(path):
            for place in self._at(made):
                if place.output.kind == "d" and made != path:
                    open_questions.append((place, made))
        left = [one for one in open_questions if not self._holds(one, path, content, runs, bad, ask_remote=False)]
        if runs:
            return None
        if self._outputs.has_directories(self._files.keys()):
            for digest in folders.above(path):
                for place in self._outputs.with_digest(hex_of(digest)):
                    if place.owner in self._files and place.output.kind == "d":
                        self._take(place.owner, runs, bad)
        unknown = None
        for one in left if not runs else ():
            try:
                self._holds(one, path, content, runs, bad, ask_remote=True)
            except TreeUnknown as error:
                unknown = error
        return unknown

    def _holds(
        self,
        question: tuple[Place, bytes],
        path: bytes,
        content: Content,
        runs: dict[bytes, MadeBy],
        bad: list[Finding],
        *,
        ask_remote: bool,
    ) -> bool:
        """Look into one directory; return whether it could be looked into."""
        place, made = question
        digest = Digest("b3:" + place.output.digest)
        try:
            found = self._trees.find(digest, path[len(made) + 1 :], ask_remote=ask_remote)
        except TreeUnknown:
            if ask_remote:
                raise
            return False
        if found is not None and (found.digest, found.target) == (content.digest, content.target):
            self._take(place.owner, runs, bad)
        return True

    def _had(self, place: Place, inside: bytes) -> bool:
        """Whether a directory that a run made had something at a path in it, as far as the store can tell."""
        if place.output.kind != "d":
            return False
        try:
            return self._trees.find(Digest("b3:" + place.output.digest), inside, ask_remote=False) is not None
        except TreeUnknown:
            return False

    def _at(self, path: bytes) -> Iterator[Place]:
        return (place for place in self._outputs.at_path(path) if place.owner in self._files)

    def _take(self, oid: bytes, runs: dict[bytes, MadeBy], bad: list[Finding]) -> None:
        found = self.manifest(oid)
        if isinstance(found, Manifest):
            runs[oid] = MadeBy(found, self._files[oid], oid)
        elif found not in bad:
            bad.append(found)


class Folders:
    """Directories as git's files make them, in repro's form, so that they can be compared with what a run made."""

    def __init__(self, files: FilesInGit, contents: Contents) -> None:
        self._files = files
        self._contents = contents
        self._known: dict[bytes, Content | None] = {}

    def above(self, path: bytes) -> Iterator[Digest]:
        """Yield the digests of the directories above a path, the nearest first, as far as they can be had."""
        cut = path.rfind(b"/")
        while cut > 0:
            content = self._content(path[:cut])
            if content is None or content.digest is None:
                return
            yield content.digest
            cut = path.rfind(b"/", 0, cut)

    def _content(self, folder: bytes) -> Content | None:
        if folder not in self._known:
            self._known[folder] = self._put_together(folder)
        return self._known[folder]

    def _put_together(self, folder: bytes) -> Content | None:
        nested: dict[bytes, dict[bytes, Content]] = {b"": {}}
        for number, file in enumerate(self._files.below(folder)):
            if file.mode == git.MODE_GITLINK or number >= _MANY_FILES:
                return None
            try:
                content = self._contents.of(file).checked_out
            except ContentUnknown:
                return None
            where, _, name = file.path[len(folder) + 1 :].rpartition(b"/")
            for above in (b"", *_upwards(where)) if where else ():
                nested.setdefault(above, {})
            nested[where][name] = content
        return _folded(nested)


def _folded(nested: dict[bytes, dict[bytes, Content]]) -> Content | None:
    """Return the directory `b""`, the directories in it being made first; None if no tree can hold it."""
    from repro.model.digest import digest_of

    for folder in sorted(nested, key=lambda path: (path.count(b"/"), path), reverse=True):
        entries = [Entry(name, content) for name, content in nested[folder].items()]
        try:
            content = Content(Kind.DIRECTORY, total_size(entries), digest_of(encode_tree(entries)))
        except IntegrityError:
            return None
        if not folder:
            return content
        above, _, name = folder.rpartition(b"/")
        nested[above][name] = content
    return None


def read_manifest(data: bytes, file: bytes, mending: Mending) -> Manifest | Finding:
    """Return the manifest that a file has, or what is wrong with it."""
    shown = name_to_text(file)
    run = os.path.basename(shown).removesuffix(".yaml")
    try:
        if len(data) > MAX_BYTES:
            raise BadRecord(f"{shown} is larger than {MAX_BYTES} bytes")
        manifest = parse_manifest(data, shown)
        if manifest.run != run:
            raise BadRecord(f"{shown} is the manifest of the run {manifest.run}")
        return manifest
    except NewerFormat as error:
        return Finding("newer-format", error.message, shown, run if is_run_id(run) else None, error.hint)
    except IntegrityError as error:
        hint = f"`{mending.remove(file)}`, if no commit has it as it was (`git log -- {shown}`)"
        return Finding("bad-manifest", error.message, shown, run if is_run_id(run) else None, hint)


def _upwards(path: bytes) -> Iterator[bytes]:
    """Yield a path, then the directories that it is in, the nearest first."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
