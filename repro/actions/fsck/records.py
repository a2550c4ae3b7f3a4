"""The records whose needs a check of the store follows: manifests, rebuild and archive records, pointers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from repro.actions.run_source import records_of
from repro.actions.sync import manifest_name
from repro.code.pointer_files import pointer_paths
from repro.data.pointer import NotTracked, read_pointer
from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind
from repro.model.data.pointer import MAX_BYTES as POINTER_BYTES
from repro.model.data.pointer import Pointer, parse_pointer
from repro.model.dataclass import dataclass
from repro.model.digest import digest_of, hex_of
from repro.model.finding import Finding
from repro.model.names import check_path, name_to_text, text_to_name
from repro.model.packs.store_check import Need
from repro.model.record import BadRecord, NewerFormat
from repro.model.run_id import NoSuchRun, RunId, is_run_id
from repro.model.runs.manifest import Manifest, parse_manifest
from repro.model.runs.pieces import Part, pieces_of
from repro.model.runs.rebuild_record import RebuildRecord, parse_rebuild
from repro.model.runs.run_state import State
from repro.model.yaml.strict import MAX_BYTES
from repro.project import Project, Workspace
from repro.store.records.archives import ArchiveRecords, checked_archive
from repro.store.remote.names import digest_in_name
from repro.store.remote.remote import Remote
from repro.store.storages.errors import NotOnRemote

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordRead:
    """One record: what it needs, or what is wrong with it. `commit` is one that repro itself made for the run."""

    needs: tuple[Need, ...] = ()
    finding: Finding | None = None
    unfinished: Finding | None = None
    run: RunId | None = None
    commit: str | None = None


def records_here(workspace: Workspace) -> Iterator[RecordRead]:
    """Yield the records of the project, of which the names are listed when this is called and not later.

    What is recorded after that may need objects that a walk which has begun has not seen.
    """
    records = records_of(workspace)
    runs, strange, rebuilt = records.run_ids(), records.strange_names(), records.rebuilt_runs()
    rebuilds = [(run, name) for run in rebuilt for name in records.rebuild_names(RunId(run))]
    pointers = pointer_paths(workspace.root) if isinstance(workspace, Project) else []
    archives = ArchiveRecords(records.folder)
    archived = archives.names()

    def read() -> Iterator[RecordRead]:
        for run in runs:
            shown = records.shown(run)
            hint = f"`git log -- {shown}` names the commits that have it as it was"
            if records.is_fetched(run):
                hint = f"`rm {shown} && repro fetch {run}` brings it anew"
            yield _manifest(run, partial(records.read_bytes, run), shown, hint)
        for name in strange:
            yield _strange(f".repro/runs/{name}")
        for of, name in rebuilds:
            yield _rebuild(of, name, partial(_read, records.rebuild_path(RunId(of), name)), ".repro/")
        for name in archived:
            yield _archive(name, partial(_read, archives.path(name)), archives.shown(name))
        for path in pointers:
            yield _pointer(str(workspace.base), path)

    return read()


def records_far(remote: Remote) -> Iterator[RecordRead]:
    """Yield the records of a remote; as `records_here`."""
    names, rebuilds = remote.list("runs"), remote.list("rebuilds")
    pointers, archived = remote.list("pointers"), remote.list("archives")

    def read() -> Iterator[RecordRead]:
        for name in names:
            run = name.removeprefix("runs/").removesuffix(".yaml")
            if name != manifest_name(RunId(run)) or not is_run_id(run):
                yield _strange(name)
            else:
                hint = "what a remote has under a run's name does not change: tell who keeps it"
                yield _manifest(RunId(run), partial(remote.read, name, MAX_BYTES), name, hint)
        for name in rebuilds:
            run, _, file = name.removeprefix("rebuilds/").partition("/")
            yield _rebuild(run, file, partial(remote.read, name, MAX_BYTES), "")
        for name in archived:
            yield _archive(name.removeprefix("archives/"), partial(remote.read, name, MAX_BYTES), name)
        for name in pointers:
            yield _pointer_far(name, partial(remote.read, name, POINTER_BYTES))

    return read()


def _manifest(run: RunId, read: Callable[[], bytes], shown: str, hint: str) -> RecordRead:
    def parse() -> Manifest:
        manifest = parse_manifest(read(), shown)
        if manifest.run != run:
            raise BadRecord(f"{shown} is the manifest of {manifest.run}")
        return manifest

    manifest = _tried(parse, "bad-manifest", shown, run, hint)
    if manifest is None or isinstance(manifest, Finding):
        return RecordRead(finding=manifest)
    unfinished = None
    if manifest.state is State.OPEN:
        unfinished = Finding("unfinished", "the run is not sealed", shown, run, f"`repro seal {run}` completes it")
    commit = manifest.code.commit if manifest.code.dirty else None
    return RecordRead(_needs(manifest), None, unfinished, run, commit)


def _needs(manifest: Manifest) -> tuple[Need, ...]:
    commits = {sub.pack: sub.commit for sub in manifest.code.submodules} | {manifest.code.pack: manifest.code.commit}
    needs = []
    for piece in pieces_of(manifest):
        # Of the environment, what is shown is no path of the project.
        path = piece.path.encode() if piece.part is Part.ENVIRONMENT else text_to_name(piece.path)
        is_data = piece.part in (Part.DATA, Part.OUTPUT)
        commit = commits.get(piece.root) if piece.part is Part.CODE and not isinstance(piece.root, Content) else None
        needs.append(Need(path, piece.root, manifest.run, is_data, commit))
    return tuple(needs)


def _rebuild(run: str, name: str, read: Callable[[], bytes], prefix: str) -> RecordRead:
    shown = f"{prefix}rebuilds/{run}/{name}"

    def check() -> RebuildRecord:
        data = read()
        record = parse_rebuild(data, shown)
        if record.run != run:
            raise BadRecord(f"{shown} is of the run {record.run}")
        if hex_of(digest_of(data))[:16] != name.removesuffix(".yaml").rpartition("-")[2]:
            raise BadRecord(f"{shown} was changed after it was written: its name is that of other bytes")
        return record

    found = _tried(check, "bad-rebuild", shown, run, "it is only history: no rebuild needs it")
    return RecordRead(finding=found if isinstance(found, Finding) else None)


def _archive(name: str, read: Callable[[], bytes], shown: str) -> RecordRead:
    hint = "`repro env archive RUN` makes it again, while the index has the files"
    found = _tried(lambda: checked_archive(name, read(), shown), "bad-archive", shown, None, hint)
    if found is None or isinstance(found, Finding):
        return RecordRead(finding=found)
    return RecordRead(tuple(Need(file.name.encode(), file.object, is_archived=True) for file in found.files))


def _pointer(root: str, path: bytes) -> RecordRead:
    shown = name_to_text(path)
    hint = f"`git log -- {shown}` names the commits that have it as it was"
    tracked = _tried(lambda: read_pointer(root, check_path(path)), "bad-pointer", shown, None, hint)
    if tracked is None or isinstance(tracked, Finding):
        return RecordRead(finding=tracked)
    content = tracked.pointer.content
    return RecordRead(() if content.kind is Kind.SYMLINK else (Need(tracked.path, content, is_data=True),))


def _pointer_far(name: str, read: Callable[[], bytes]) -> RecordRead:
    def check() -> Pointer:
        data = read()
        if digest_of(data) != digest_in_name(name):
            raise BadRecord(f"{name} is not what its name says: its bytes are those of {digest_of(data)}")
        return parse_pointer(data, None, name)

    hint = "`repro push` writes the project's pointers again"
    pointer = _tried(check, "bad-pointer", name, None, hint)
    if pointer is None or isinstance(pointer, Finding):
        return RecordRead(finding=pointer)
    content = pointer.content
    return RecordRead(() if content.kind is Kind.SYMLINK else (Need(pointer.name, content),))


def _tried(do: Callable[[], T], kind: str, path: str, run: str | None, hint: str) -> T | Finding | None:
    """Return what `do` returns, a finding where it cannot be read, None where it has gone in the meantime."""
    try:
        return do()
    except NewerFormat as error:
        return Finding("newer-format", error.message, path, run, error.hint)
    except IntegrityError as error:
        return Finding(kind, error.message, path, run, hint)
    except (FileNotFoundError, NoSuchRun, NotTracked, NotOnRemote):
        return None


def _strange(path: str) -> RecordRead:
    return RecordRead(finding=Finding("bad-manifest", "a manifest is called by its run's id", path))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)
