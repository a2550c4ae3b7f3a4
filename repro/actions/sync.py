"""From a remote to here: fetch, pull. Manifests and rebuild records on remotes.

What only some of it needs is imported there: a push, which is frequent, needs little of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.errors import IntegrityError
from repro.model.data.data_state import CheckedOut, Synced
from repro.model.progress import SILENT, Progress
from repro.model.run_id import NoSuchRun, RunId, RunName, is_run_id, parse_run_id, select_run
from repro.model.runs.run_state import State
from repro.model.yaml.strict import MAX_BYTES
from repro.project import Project, Workspace
from repro.store.records.runs import Records
from repro.store.remote.remote import Remote
from repro.store.storages.errors import RemoteListsNothing

if TYPE_CHECKING:
    from repro.model.runs.manifest import Manifest


class ManifestMismatch(IntegrityError):
    """A remote has a manifest under another run's name, or differs from the one that is here."""

    id = "manifest-mismatch"


def remote_of(workspace: Workspace, source: str | None) -> Remote:
    """Return the remote that `source` means: a configured name, a URL, a directory; None is the default one.

    Raises:
        NoRemote: there is none of that name, and it is neither URL nor path.
    """
    if source and source not in workspace.settings.remotes:
        is_place = "/" in source or source.startswith((".", "~"))
        if is_place or os.path.isdir(os.path.join(workspace.cwd, source)):
            return workspace.open_remote(source)
    _, url = workspace.remote_url(source)
    return workspace.open_remote(url)


def fetch(
    project: Project,
    runs: Sequence[str],
    source: str | None,
    jobs: int,
    *,
    everything: bool = False,
    adopt: bool = False,
    progress: Progress = SILENT,
) -> Synced:
    """Bring objects into the store: of the tracked data, or of runs, whose manifests come too.

    With `adopt`, the manifests and rebuild records of the runs are put where git is to have them.

    Raises:
        RemoteError: the remote cannot be reached, or refuses.
        MissingOnRemote, CorruptRemoteObject: it lacks something, or has other bytes.
    """
    from repro.actions.archives import archive_pieces, fetch_archives
    from repro.actions.track_data import tracked_items
    from repro.model.runs.pieces import pieces_of
    from repro.store.transfer.transfer import Fetch, RemoteObjects, Transferred, fetch_objects

    remote = remote_of(project, source)
    cache, records = project.cache(), project.records()
    cache.settle()
    if not runs and not everything:
        roots = [item.content for item in tracked_items(project) if item.content.digest]
        brought = fetch_objects(cache, remote, roots, jobs, progress)
        cache.flush()
        return Synced(remote.shown, (), brought.objects, brought.bytes)
    selected = remote_runs(remote) if everything else [select_remote_run(remote, run) for run in runs]
    fetching = Fetch(cache, RemoteObjects(remote, cache.root, jobs), jobs, progress)
    total = Transferred()
    for run in selected:
        manifest, data = read_remote_manifest(remote, run)
        fetch_archives(records, remote, manifest.recipe.environment)
        pieces = [*pieces_of(manifest), *archive_pieces(records, manifest)]
        total += fetching.bring([piece.root for piece in pieces])
        cache.flush()
        keep_fetched(records, run, data)
        fetch_rebuilds(records, remote, run)
        if adopt:
            records.adopt(run)
    return Synced(remote.shown, tuple(selected), total.objects, total.bytes)


def pull(
    project: Project,
    paths: Sequence[str],
    source: str | None,
    jobs: int,
    *,
    force: bool = False,
    progress: Progress = SILENT,
) -> tuple[Synced, list[CheckedOut]]:
    """Fetch the tracked data, all of it or what is named, and check it out."""
    from repro.actions.track_data import checkout, tracked_items
    from repro.store.transfer.transfer import fetch_objects

    remote = remote_of(project, source)
    items = tracked_items(project, paths)
    roots = [item.content for item in items if item.content.digest]
    cache = project.cache()
    cache.settle()
    brought = fetch_objects(cache, remote, roots, jobs, progress)
    cache.flush()
    done = checkout(project, items, link=True, force=force, progress=progress)
    return Synced(remote.shown, (), brought.objects, brought.bytes), done


def manifest_name(run: RunId) -> str:
    """Return what a run's manifest is called on a remote."""
    return f"runs/{run}.yaml"


def remote_runs(remote: Remote) -> list[RunId]:
    """Return the runs that a remote has, oldest first."""
    names = (name.removeprefix("runs/").removesuffix(".yaml") for name in remote.list("runs"))
    return sorted(parse_run_id(name) for name in names)


def select_remote_run(remote: Remote, text: str) -> RunId:
    """Return the run on a remote that `text` means; names given with `-n` are asked for only where ids do not tell.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
    """
    if is_run_id(text) and remote.size(manifest_name(RunId(text))) is not None:
        return RunId(text)  # one question, and the only one that every kind of remote answers
    runs = _runs_to_choose_from(remote, text)
    try:
        if text.startswith("@last") or any(text in run for run in runs):
            return select_run(text, [RunName(run) for run in runs])
        return select_run(text, [RunName(run, read_remote_manifest(remote, run)[0].name) for run in runs])
    except NoSuchRun as error:
        newest = f"the newest of its {len(runs)} runs is {runs[-1]}" if runs else "it has no runs yet"
        raise NoSuchRun(f"{remote.shown}: {error.message}", newest) from None


def _runs_to_choose_from(remote: Remote, text: str) -> list[RunId]:
    try:
        return remote_runs(remote)
    except RemoteListsNothing as error:
        if is_run_id(text):
            raise NoSuchRun(f"{remote.shown} has no run {text}") from error
        raise RemoteListsNothing(error.message, "name the run by its full id") from error


def read_remote_manifest(remote: Remote, run: RunId) -> tuple[Manifest, bytes]:
    """Return a run's manifest from a remote, and its bytes.

    Raises:
        NotOnRemote: it is not there.
        BadRecord, NewerFormat: it cannot be read.
        ManifestMismatch: it is of another run.
    """
    from repro.model.runs.manifest import parse_manifest

    data = remote.read(manifest_name(run), MAX_BYTES)
    manifest = parse_manifest(data, f"{remote.shown}/{manifest_name(run)}")
    if manifest.run != run:
        raise ManifestMismatch(f"{remote.shown}/{manifest_name(run)} is the manifest of {manifest.run}")
    return manifest, data


def keep_fetched(records: Records, run: RunId, data: bytes) -> None:
    """Keep a manifest from a remote, out of git's sight; what is here must be the same, or an open one of the run.

    Raises:
        ManifestMismatch: it is another.
    """
    if run in records.run_ids():
        if records.read_bytes(run) == data:
            return
        if records.read(run).state is not State.OPEN:
            raise ManifestMismatch(f"{records.shown(run)} is another manifest than the one on the remote")
        records.write_bytes(run, data)
    else:
        records.write_fetched(run, data)


def fetch_rebuilds(records: Records, remote: Remote, run: RunId) -> None:
    """Bring the run's rebuild records that are not here, if the remote can say which it has."""
    from repro.model.runs.rebuild_record import parse_rebuild

    here = set(records.rebuild_names(run))
    try:
        names = remote.list(f"rebuilds/{run}")
    except RemoteListsNothing:
        return
    for full in names:
        name = full.rsplit("/", 1)[-1]
        if name not in here:
            data = remote.read(full, MAX_BYTES)
            parse_rebuild(data, f"{remote.shown}/{full}")
            records.write_fetched_rebuild(run, name, data)


def push_rebuild(records: Records, remote: Remote, run: RunId, name: str) -> None:
    """Send one rebuild record."""
    with open(records.rebuild_path(run, name), "rb") as file:
        remote.put_bytes(f"rebuilds/{run}/{name}", file.read())
