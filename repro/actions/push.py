"""To a remote: a manifest or a pointer goes last, after every object that it names is there to stay."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from repro.actions.sync import ManifestMismatch, manifest_name, push_rebuild, remote_of
from repro.actions.tracked import tracked_data
from repro.data.pointer import Tracked
from repro.errors import CannotProceed, IntegrityError
from repro.model.data.data_state import Synced
from repro.model.data.pointer import render_pointer
from repro.model.digest import digest_of
from repro.model.names import name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.run_id import RunId
from repro.model.runs.run_state import State
from repro.model.yaml.strict import MAX_BYTES
from repro.project import Project
from repro.store.cache.reached import Root
from repro.store.object_faults import MissingObject
from repro.store.records.runs import Records
from repro.store.remote.names import pointer_name
from repro.store.remote.remote import Remote
from repro.store.transfer.push import Push

_SECONDS = 60.0
"""After which runs whose objects were sent get their manifests, for whoever is killed."""

_SHOWN = 5


def push(project: Project, runs: Sequence[str], source: str | None, jobs: int, progress: Progress = SILENT) -> Synced:
    """Send sealed runs (all, or those named) and, if none is named, the tracked data that the store has.

    Raises:
        RemoteError: the remote cannot be reached, or refuses; what was sent stays and counts next time.
        NotAllPushed: what something needs is neither here nor there; all else was sent.
        ManifestMismatch: the remote has another manifest of a run.
    """
    remote = remote_of(project, source)
    records = project.records()
    selected = [records.select(run) for run in runs] or records.run_ids()
    project.cache().settle()
    with Push(project.cache(), remote, jobs, progress) as pushing:
        sending = _Sending(records, remote, pushing, named=bool(runs))
        try:
            if not runs:
                sending.data(list(tracked_data(project)))
            for run in selected:
                sending.run(run)
            sending.archives(selected)
        except (CannotProceed, IntegrityError):
            sending.publish()  # what is whole is not held up by what is not
            raise
        sending.publish()
    for run in selected:
        if f"run {run}" not in sending.held:
            _push_rebuilds(records, remote, run)
    if sending.held:
        raise _not_all_pushed(sending.held)
    sent = pushing.transferred
    return Synced(remote.shown, tuple(sending.runs), sent.objects, sent.bytes)


class NotAllPushed(MissingObject):
    """What something that was to be pushed needs is neither here nor on the remote."""


class _Sending:
    """One push of records: their objects are sent, then all of them are published.

    What lacks objects is `held` back, by its name with what was said, and does not hold up the others.
    """

    def __init__(self, records: Records, remote: Remote, pushing: Push, *, named: bool) -> None:
        self._records = records
        self._remote = remote
        self._push = pushing
        self._named = named
        self._there = {entry.name: entry.size for entry in remote.entries("runs")}
        self._waiting: list[tuple[str, bytes]] = []
        self._since = time.monotonic()
        self.runs: list[RunId] = []
        self.held: dict[str, MissingObject] = {}

    def data(self, tracked: Sequence[Tracked]) -> None:
        """Send what pointers name, and themselves."""
        tracked = [one for one in tracked if one.pointer.content.digest]
        if not tracked:
            return
        try:
            self._push.send([one.pointer.content for one in tracked])
        except MissingObject:
            tracked = [one for one in tracked if self._is_sent(name_to_text(one.path), [one.pointer.content])]
        there = set(self._remote.list("pointers"))
        for pointer in [one.pointer for one in tracked]:
            data = render_pointer(pointer)
            name = pointer_name(digest_of(data))
            if name not in there:
                self._waiting.append((name, data))

    def run(self, run: RunId) -> None:
        """Send what a run needs, unless it is there already, or not sealed.

        Raises:
            ManifestMismatch: the remote has another manifest of this run. Of runs that nobody named, the lengths are
                compared.
        """
        data = self._records.read_bytes(run)
        name = manifest_name(run)
        if self._there.get(name) == len(data) and not self._named:
            return
        from repro.model.runs.manifest import parse_manifest
        from repro.model.runs.pieces import pieces_of

        if name in self._there:
            same = self._there[name] == len(data)
            if not same or (self._named and self._remote.read(name, MAX_BYTES) != data):
                manifest = parse_manifest(data, self._records.shown(run))
                if manifest.state is State.OPEN:
                    return
                raise ManifestMismatch(
                    f"{self._remote.shown} has another manifest of {run} than {self._records.shown(run)}",
                    "one of them was edited; `repro verify` tells which is intact",
                )
            return
        manifest = parse_manifest(data, self._records.shown(run))
        if manifest.state is State.OPEN:
            return
        if not self._is_sent(f"run {run}", [piece.root for piece in pieces_of(manifest)]):
            return
        self._waiting.append((name, data))
        self.runs.append(run)
        if time.monotonic() - self._since > _SECONDS:
            self.publish()

    def archives(self, runs: Sequence[RunId]) -> None:
        """Send the archives of these runs' environments, as far as their records are not there."""
        if not runs:
            return
        from repro.store.records.archives import FOLDER, ArchiveRecords, checked_archive

        own = ArchiveRecords(self._records.folder)
        if not own.names():
            return
        from repro.model.environments.environment_record import environment_id

        there = set(self._remote.list(FOLDER))
        environments = {self._records.read(run).recipe.environment for run in runs}
        for environment in environments - {None}:
            assert environment is not None
            for name in own.names_of(environment_id(environment)):
                if f"{FOLDER}/{name}" not in there:
                    data = own.read_bytes(name)
                    archive = checked_archive(name, data, own.shown(name))
                    if self._is_sent(own.shown(name), [file.object for file in archive.files]):
                        self._waiting.append((f"{FOLDER}/{name}", data))

    def _is_sent(self, what: str, roots: Sequence[Root]) -> bool:
        """Send what something needs, and return whether it is there now; else it is held back."""
        try:
            self._push.send(roots)
        except MissingObject as error:
            self.held[what] = error
            return False
        return True

    def publish(self) -> None:
        """Write what names objects, when these are all there."""
        self._push.flush()
        for name, data in self._waiting:
            self._remote.put_bytes(name, data)
        self._waiting = []
        self._since = time.monotonic()


def _not_all_pushed(held: Mapping[str, MissingObject]) -> NotAllPushed:
    names = list(held)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    error = held[names[0]]
    detail = error.message if len(names) == 1 else f"of {names[0]}, {error.message}"
    return NotAllPushed(
        f"all was pushed but {', '.join(names[:_SHOWN])}{more}: {detail}",
        "`repro fsck --repair` takes them from the work tree or from a remote that has them, `repro fetch RUN` what a "
        "run needs; then push again",
    )


def _push_rebuilds(records: Records, remote: Remote, run: RunId) -> None:
    names = records.rebuild_names(run)
    if not names:
        return
    there = {full.rsplit("/", 1)[-1] for full in remote.list(f"rebuilds/{run}")}
    for name in names:
        if name not in there:
            push_rebuild(records, remote, run, name)
